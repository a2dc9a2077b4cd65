#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/paths.h"
#include "tests/support/stack.h"
#include "zebu/client.h"
#include "zebu/thread_annotations.h"

#include <nlohmann/json.hpp>

#include <csignal>

// A job's life through the real programs: where its options meet each other, and where the broker dies in between.
using namespace zebu;
using namespace zebu::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

StackOptions one_slot(std::vector<std::string> broker = {}) {
  StackOptions options;
  options.broker = std::move(broker);
  options.consumer = {"--slots", "1", "--test-tasks"};
  options.with_webfront = false;
  return options;
}

std::unique_ptr<Client> connected_to(const Stack& stack) {
  ClientOptions options;
  options.broker = stack.clients();
  options.liveness = 500ms;
  auto client = Client::connect(std::move(options));
  REQUIRE(client);
  REQUIRE((*client)->wait_connected(5s));
  return std::move(*client);
}

template <class... Args>
JobRequest request(std::string task, JobOptions options, const Args&... args) {
  JobRequest request;
  request.task = std::move(task);
  request.args = pack_args(args...);
  request.options = std::move(options);
  return request;
}

Json report_of(Client& client, const JobId& id) {
  Result<std::string> answer;
  // A query is not said again after a broken connection: whoever asks does that.
  REQUIRE(eventually([&] { return (answer = client.query("jobs", {.ids = {id}}, 5s)).has_value(); }));
  return Json::from_msgpack(*answer).at(0);
}

bool comes_to(Client& client, const JobId& id, const std::string& state) {
  return eventually([&] { return report_of(client, id).at("state") == state; });
}

// What clients hear, in the order in which they hear it.
class HeardOutcomes {
 public:
  Client::OnOutcome listener(int number) {
    return [this, number](const Result<Outcome>& outcome) {
      const Lock lock(mutex_);
      numbers_.push_back(outcome && outcome->state == JobState::succeeded ? number : -1);
    };
  }
  std::vector<int> numbers() const {
    const Lock lock(mutex_);
    return numbers_;
  }

 private:
  mutable Mutex mutex_;
  std::vector<int> numbers_ ZEBU_GUARDED_BY(mutex_);
};

}  // namespace

TEST_CASE("a job that waits for its retry is cancelled, and does not run again") {
  const Stack stack(one_slot());
  const auto client = connected_to(stack);
  JobOptions options;
  options.retry.max = 5;
  options.retry.delay = 60s;
  const auto job = client->submit(request("fail", options, "boom"));
  REQUIRE(comes_to(*client, job.id(), "scheduled"));
  CHECK(report_of(*client, job.id()).at("error").at("message") == "boom");
  job.cancel();
  CHECK(job.outcome(5s).value().state == JobState::cancelled);
  CHECK(report_of(*client, job.id()).at("attempt") == 1);
}

TEST_CASE("a job of a paused queue expires, and the others run once it is resumed") {
  const Stack stack(one_slot());
  const auto client = connected_to(stack);
  REQUIRE(client->command("pause", {.queue = "default", .reason = "maintenance"}, 5s));
  JobOptions short_lived;
  short_lived.expires_in = 300ms;
  const auto expiring = client->submit(request("echo", short_lived, 1));
  const auto staying = client->submit<int>("echo", 2);
  CHECK(expiring.outcome(5s).value().state == JobState::expired);
  CHECK(staying.result(1ms).error().code == ErrorCode::timed_out);
  REQUIRE(client->command("resume", {.queue = "default"}, 5s));
  CHECK(staying.result(5s).value() == 2);
}

TEST_CASE("a consumer that drains still ends a job at its hard limit, and leaves") {
  Stack stack(one_slot({"--max-crashes", "1"}));
  const auto client = connected_to(stack);
  JobOptions options;
  options.hard_limit = 700ms;
  const auto job = client->submit(request("hang", options));
  REQUIRE(comes_to(*client, job.id(), "running"));
  REQUIRE(client->command("drain", {.consumer = "consumer-0"}, 5s));
  const auto outcome = job.outcome(10s);
  REQUIRE(outcome);
  CHECK(outcome->state == JobState::failed);
  CHECK(outcome->error.type == "zebu::HardLimit");
  CHECK(stack.consumer(0).wait_exit() == ExitStatus{0, std::nullopt});
}

TEST_CASE("a failed job stays while another one has its key, and is retried after that") {
  const Stack stack(one_slot());
  const auto client = connected_to(stack);
  JobOptions options;
  options.unique = "the-report";
  const auto failed = client->submit(request("fail", options, "boom"));
  CHECK(failed.outcome(5s).value().state == JobState::failed);
  const auto holder = client->submit<int>(request("sleep", options, 60'000));
  REQUIRE(holder.accepted(5s));
  const auto answer = client->command("retry", {.ids = {failed.id()}}, 5s);
  REQUIRE(answer);
  const Json retried = Json::from_msgpack(*answer);
  CHECK(retried.at("jobs").empty());
  CHECK(report_of(*client, failed.id()).at("state") == "failed");
  holder.cancel();
  CHECK(holder.outcome(5s).value().state == JobState::cancelled);
  const auto again = client->command("retry", {.ids = {failed.id()}}, 5s);
  REQUIRE(again);
  CHECK(Json::from_msgpack(*again).at("jobs").at(0).at(0) == failed.id().to_string());
  CHECK(report_of(*client, failed.id()).is_null());
}

TEST_CASE("priority holds for jobs that wait in the store, and through the broker's death") {
  Stack stack(one_slot({"--window", "64"}));
  const auto client = connected_to(stack);
  REQUIRE(client->command("pause", {.queue = "default", .reason = "fill it"}, 5s));
  constexpr int kJobs = 600;
  HeardOutcomes heard;
  for (int i = 0; i < kJobs; ++i) {
    JobOptions options;
    options.priority = static_cast<std::uint8_t>(i % 3 * 4);
    client->submit(request("echo", options, i), heard.listener(i));
  }
  REQUIRE(eventually([&] {
    const auto queues = client->query("queues", {}, 5s);
    return queues && Json::from_msgpack(*queues).at("queues").at(0).at("queued") == kJobs;
  }));
  stack.restart_broker();
  REQUIRE(eventually([&] { return client->command("resume", {.queue = "default"}, 5s).has_value(); }));
  REQUIRE(eventually([&] { return heard.numbers().size() == kJobs; }, 20s));
  std::vector<int> expected;
  for (const int rest : {2, 1, 0}) {
    for (int i = rest; i < kJobs; i += 3) expected.push_back(i);
  }
  CHECK(heard.numbers() == expected);
}

TEST_CASE("a killed broker loses nothing: what waits, what is scheduled, what runs, what has ended") {
  Stack stack(one_slot());
  const auto client = connected_to(stack);
  const auto ended = client->submit<int>("echo", 1);
  CHECK(ended.result(5s).value() == 1);
  const auto running = client->submit<int>("sleep", 1500);
  REQUIRE(comes_to(*client, running.id(), "running"));
  const auto waiting = client->submit<int>("echo", 2);
  JobOptions later;
  later.delay = 2s;
  const auto scheduled = client->submit<int>(request("echo", later, 3));
  REQUIRE(waiting.accepted(5s));
  REQUIRE(scheduled.accepted(5s));
  stack.restart_broker();
  CHECK(running.result(10s).value() == 1500);
  CHECK(waiting.result(10s).value() == 2);
  CHECK(scheduled.result(10s).value() == 3);
  CHECK(client->wait<int>(ended.id()).result(10s).value() == 1);
  for (const JobId& id : {running.id(), waiting.id(), scheduled.id()}) CHECK(report_of(*client, id).at("attempt") == 1);
}

TEST_CASE("equal calls run once, and repeated ones are answered from the store, also after a restart") {
  Stack stack(one_slot());
  const auto client = connected_to(stack);
  const auto other = connected_to(stack);
  JobOptions options;
  options.unique = unique_key_of("sleep", pack_args(400));
  options.unique_for = 60s;
  const auto first = client->submit<int>(request("sleep", options, 400));
  REQUIRE(first.accepted(5s));
  const auto second = other->submit<int>(request("sleep", options, 400));
  CHECK(second.result(5s).value() == 400);
  CHECK(second.id() == first.id());
  stack.restart_broker();
  const auto third = client->submit<int>(request("sleep", options, 400));
  CHECK(third.result(10s).value() == 400);
  CHECK(third.id() == first.id());
}

TEST_CASE("a broker that is told to stop commits what it accepted, and its successor has it") {
  Stack stack(one_slot());
  const auto client = connected_to(stack);
  std::vector<Job<int>> jobs;
  REQUIRE(client->command("pause", {.queue = "default", .reason = "stop"}, 5s));
  for (int i = 0; i < 100; ++i) jobs.push_back(client->submit<int>("echo", i));
  REQUIRE(jobs.back().accepted(5s));
  stack.broker().signal(SIGTERM);
  CHECK(stack.broker().wait_exit() == ExitStatus{0, std::nullopt});
  stack.start_broker();
  REQUIRE(eventually([&] { return client->command("resume", {.queue = "default"}, 5s).has_value(); }));
  for (int i = 0; i < 100; ++i) CHECK(jobs[static_cast<std::size_t>(i)].result(10s).value() == i);
}

TEST_CASE("a broker that cannot write any more says so, and has all that it accepted when there is room") {
  const TempDir folder;
  const std::string store = "sqlite:" + (folder.path() / "zebu.db").string();
  // The shell's limit on the size of files is a disk that is full.
  const std::string limited = "trap '' XFSZ; ulimit -f 16384; exec \"$@\"";
  const std::vector<std::string> broker = {
      program("zebu-broker"), "--clients", "tcp://127.0.0.1:*", "--consumers", "tcp://127.0.0.1:*", "--store", store};
  std::vector<std::string> command = {"sh", "-c", limited, "sh"};
  command.insert(command.end(), broker.begin(), broker.end());
  Process full(command);
  ClientOptions options;
  options.liveness = 300ms;
  options.broker = ready_field(full.wait_for_line("zebu-broker ready"), "clients");
  const auto client = Client::connect(options).value();
  std::vector<JobHandle> jobs;
  const std::string megabyte(1U << 20, 'x');
  const auto is_full = [&] { return full.err().find("store_waits") != std::string::npos; };
  while (jobs.size() < 100 && !is_full()) {
    jobs.push_back(client->submit(request("echo", {}, megabyte)));
    REQUIRE(eventually([&] { return jobs.back().accepted(0ms).has_value() || is_full(); }));
  }
  full.signal(SIGTERM);
  CHECK(full.wait_exit() == ExitStatus{74, std::nullopt});
  CHECK(full.err().find("zebu.db") != std::string::npos);

  Process again(broker);
  options.broker = ready_field(again.wait_for_line("zebu-broker ready"), "clients");
  const auto successor = Client::connect(options).value();
  REQUIRE(successor->wait_connected(5s));
  int accepted = 0;
  for (const JobHandle& job : jobs) {
    if (!job.accepted(0ms)) continue;
    ++accepted;
    CHECK(report_of(*successor, job.id()).at("state") == "queued");
  }
  CHECK(accepted > 0);
  CHECK(accepted < 100);
}
