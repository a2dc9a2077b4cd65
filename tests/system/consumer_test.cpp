#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/paths.h"
#include "tests/support/stack.h"
#include "zebu/client.h"

#include <algorithm>
#include <csignal>
#include <map>
#include <signal.h>

using namespace std::chrono_literals;
using namespace zebu::test;
using zebu::JobState;

namespace {

constexpr auto kPatience = 20s;

std::vector<std::string> with_test_tasks(std::vector<std::string> more) {
  more.emplace_back("--test-tasks");
  return more;
}

// A broker, one consumer and a client of theirs.
struct Ox {
  explicit Ox(std::vector<std::string> consumer)
      : stack({.consumer = with_test_tasks(std::move(consumer)), .with_webfront = false}) {
    zebu::ClientOptions options;
    options.broker = stack.clients();
    client = std::move(*zebu::Client::connect(options));
  }

  Process& consumer() { return stack.consumer(0); }
  // Waits until the broker has given the job to the consumer.
  bool is_running(const zebu::JobHandle& job) {
    return eventually([&] {
      const auto answer = client->query("jobs", {.ids = {job.id()}}, kPatience);
      return answer && answer->find("running") != std::string::npos;
    });
  }

  // A job that computes so long, and has begun to.
  zebu::Job<> submit_begun(std::chrono::milliseconds time) {
    const auto job = client->submit("deaf", time.count());
    if (!eventually([&] { return job.progress().note == "deaf"; }, kPatience)) FAIL("the job does not begin");
    return job;
  }

  Stack stack;
  std::unique_ptr<zebu::Client> client;
};

zebu::Outcome outcome(const zebu::JobHandle& job) {
  const auto ended = job.outcome(scaled(kPatience));
  if (!ended) FAIL(ended.error().message);
  return *ended;
}

bool is_gone(pid_t pid) { return resident_bytes(pid) == 0; }

}  // namespace

TEST_CASE("a job whose slot's process crashes fails with the signal's name, and the others go on") {
  Ox ox({"--slots", "2"});
  std::vector<zebu::Job<int>> others;
  for (int i = 0; i < 10; ++i) others.push_back(ox.client->submit<int>("sleep", 50));
  const auto crash = outcome(ox.client->submit("crash"));
  CHECK(crash.state == JobState::failed);
  CHECK(crash.error.type == "zebu::Crash");
  CHECK(crash.error.message.starts_with("the slot's process died: killed by SIGSEGV"));
  for (const auto& job : others) CHECK(job.result(scaled(kPatience)) == 50);
  CHECK(outcome(ox.client->submit("echo", 1)).state == JobState::succeeded);
  CHECK(eventually([&] { return children_of(ox.consumer().pid()).size() == 2; }));
}

TEST_CASE("a job whose slot's process is killed fails with the signal's name") {
  Ox ox({"--slots", "1"});
  const auto job = ox.client->submit("hang");
  // Until it has begun, the death of a process costs it nothing.
  REQUIRE(eventually(
      [&] {
        for (const pid_t child : children_of(ox.consumer().pid())) ::kill(child, SIGKILL);
        return job.outcome(200ms).has_value();
      },
      kPatience));
  CHECK(outcome(job).error.message.starts_with("the slot's process died: killed by SIGKILL"));
}

TEST_CASE("a task's failure has type, message and the stack of its throw") {
  Ox ox({"--slots", "1"});
  const auto failed = outcome(ox.client->submit("fail", std::string("dear me")));
  CHECK(failed.state == JobState::failed);
  CHECK(failed.error.type == "std::runtime_error");
  CHECK(failed.error.message == "dear me");
#ifndef ZEBU_SANITIZED
  REQUIRE_FALSE(failed.error.trace.empty());
  CHECK(failed.error.trace[0].find("add_test_tasks") != std::string::npos);
#endif
}

TEST_CASE("a cancelled job that ignores its token is killed, and its process replaced") {
  Ox ox({"--slots", "1"});
  const auto job = ox.client->submit("hang");
  REQUIRE(ox.is_running(job));
  job.cancel();
  CHECK(outcome(job).state == JobState::cancelled);
  CHECK(outcome(ox.client->submit("echo", 1)).state == JobState::succeeded);
}

TEST_CASE("a cancelled job that sees its token ends by itself") {
  const std::string pool = GENERATE("processes", "threads");
  Ox ox({"--slots", "1", "--pool", pool, "--cancel-grace", "1h"});
  const auto job = ox.client->submit("sleep", 3'600'000);
  REQUIRE(ox.is_running(job));
  const auto before = children_of(ox.consumer().pid());
  job.cancel();
  CHECK(outcome(job).state == JobState::cancelled);
  CHECK(children_of(ox.consumer().pid()) == before);
}

TEST_CASE("SIGTERM lets a running job end and delivers it") {
  const std::string pool = GENERATE("processes", "threads");
  Ox ox({"--slots", "1", "--pool", pool});
  const auto job = ox.submit_begun(500ms);
  const auto waiting = ox.client->submit("echo", 1);
  ox.consumer().signal(SIGTERM);
  CHECK(ox.consumer().wait_exit().code == 0);
  CHECK(outcome(job).state == JobState::succeeded);
  // It was given back, or had not been given; the next consumer runs it.
  ox.stack.add_consumer();
  CHECK(outcome(waiting).state == JobState::succeeded);
}

TEST_CASE("a terminal's Ctrl-C reaches the slots too, and still lets jobs end") {
  Ox ox({"--slots", "2"});
  const auto job = ox.submit_begun(500ms);
  ox.consumer().signal_group(SIGINT);
  CHECK(ox.consumer().wait_exit().code == 0);
  CHECK(outcome(job).state == JobState::succeeded);
}

TEST_CASE("a job that outlasts the drain timeout goes back to its queue, and the consumer leaves nothing behind") {
  const std::string pool = GENERATE("processes", "threads");
  Ox ox({"--slots", "1", "--pool", pool, "--drain-timeout", "200ms"});
  const auto job = ox.client->submit("hang");
  REQUIRE(ox.is_running(job));
  const auto children = children_of(ox.consumer().pid());
  ox.consumer().signal(SIGTERM);
  CHECK(ox.consumer().wait_exit().code == 0);
  CHECK(eventually([&] { return std::all_of(children.begin(), children.end(), is_gone); }));
  const auto answer = ox.client->query("jobs", {.ids = {job.id()}}, kPatience);
  REQUIRE(answer);
  CHECK(answer->find("queued") != std::string::npos);
}

TEST_CASE("a second SIGTERM ends a consumer at once") {
  Ox ox({"--slots", "1"});
  static_cast<void>(ox.submit_begun(1h));
  ox.consumer().signal(SIGTERM);
  ox.consumer().wait_for_error_line("draining");
  ox.consumer().signal(SIGTERM);
  CHECK(ox.consumer().wait_exit().code == 1);
}

TEST_CASE("a consumer whose broker stays away logs the outcomes that it could not deliver") {
  Ox ox({"--slots", "1", "--liveness", "300ms", "--drain-timeout", "1s"});
  static_cast<void>(ox.submit_begun(500ms));
  ox.stack.kill_broker();
  ox.consumer().signal(SIGTERM);
  CHECK(ox.consumer().wait_exit().code == 1);
  CHECK(ox.consumer().err().find("did not confirm 1 outcomes") != std::string::npos);
}

TEST_CASE("the slots' processes die with a consumer that is killed") {
  Ox ox({"--slots", "3"});
  REQUIRE(ox.is_running(ox.client->submit("hang")));
  const auto children = children_of(ox.consumer().pid());
  CHECK(children.size() == 3);
  ox.consumer().signal(SIGKILL);
  ox.consumer().wait_exit();
  CHECK(eventually([&] { return std::all_of(children.begin(), children.end(), is_gone); }));
}

TEST_CASE("a consumer finds its broker again") {
  Ox ox({"--slots", "1", "--liveness", "500ms"});
  ox.stack.restart_broker();
  CHECK(outcome(ox.client->submit("echo", 1)).state == JobState::succeeded);
}

TEST_CASE("a flood of short jobs with a long one among them all ends, each once") {
  const std::string pool = GENERATE("processes", "threads");
  Ox ox({"--slots", "2", "--pool", pool});
  constexpr int kJobs = 20'000;
  std::map<std::size_t, int> ends;
  int next = 0;
  const auto mapped = ox.client->map(
      [&]() -> std::optional<zebu::JobRequest> {
        if (next == kJobs) return std::nullopt;
        ++next;
        zebu::JobRequest request;
        request.task = next % 5000 == 0 ? "sleep" : "echo";
        request.args = zebu::pack_args(next % 5000 == 0 ? 300 : next);
        request.options.transient = true;
        return request;
      },
      [&](std::size_t index, const zebu::Result<zebu::Outcome>& ended) {
        if (ended && ended->state == JobState::succeeded) ++ends[index];
      },
      2000, scaled(kPatience));
  CHECK(mapped);
  CHECK(ends.size() == kJobs);
  CHECK(std::all_of(ends.begin(), ends.end(), [](const auto& end) { return end.second == 1; }));
}

TEST_CASE("a consumer of a user's own runs its tasks") {
  Stack stack({.consumers = 0, .with_webfront = false});
  Process words({program("word-consumer"), "--broker", stack.consumers(), "--slots", "1"});
  words.wait_for_line("zebu-consumer ready");
  zebu::ClientOptions options;
  options.broker = stack.clients();
  const auto client = std::move(*zebu::Client::connect(options));
  using Counts = std::map<std::string, int>;
  const auto counted =
      client->submit<Counts>("count_words", std::string("An ox, an ox; a zebu")).result(scaled(kPatience));
  REQUIRE(counted);
  CHECK(*counted == Counts{{"a", 1}, {"an", 2}, {"ox", 2}, {"zebu", 1}});
  words.signal(SIGTERM);
  CHECK(words.wait_exit().code == 0);
}

TEST_CASE("wrong options of a consumer are usage errors") {
  for (const auto& [option, value] : {std::pair("--pool", "fibres"), std::pair("--slots", "0"),
                                      std::pair("--queues", "a b"), std::pair("--nonsense", "1")}) {
    const Finished ended = run({.command = {program("zebu-consumer"), option, value}});
    CHECK(ended.exit.code == 2);
    CHECK_FALSE(ended.err.empty());
  }
  CHECK(run({.command = {program("zebu-consumer"), "--broker", "nowhere"}}).exit.code == 2);
}
