#include "tests/support/catch.h"
#include "tests/support/consumer_yard.h"
#include "tests/support/log_lines.h"
#include "tests/support/rogue_yard.h"

#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>

// What a consumer logs of what goes wrong, by the names of its events.
namespace zebu::test {

using namespace std::chrono_literals;

namespace {

// A job that runs when this returns, and ignores its token for so long.
AttemptId begin_deaf(ConsumerYard& yard, std::chrono::milliseconds time, JobOptions options = {}) {
  const AttemptId job = yard.broker.assign("deaf", pack_args(time.count()), std::move(options));
  yard.broker.hear_until([&] { return !yard.broker.told[job].empty() || yard.broker.ended.count(job) > 0; });
  return job;
}

// A process that its tracer has not let go cannot be reaped by its parent: to the consumer it does not die.
class Undying {
 public:
  explicit Undying(pid_t pid) : pid_(pid) {
    if (::ptrace(PTRACE_SEIZE, pid_, nullptr, nullptr) != 0) throw std::runtime_error("this process may not trace");
  }
  ~Undying() { let_die(); }
  Undying(const Undying&) = delete;
  Undying& operator=(const Undying&) = delete;
  void let_die() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, __WALL) < 0 && errno == EINTR) continue;
    pid_ = 0;
  }

 private:
  pid_t pid_;
};

pid_t only_child_of(const Process& process) {
  std::vector<pid_t> children;
  REQUIRE(eventually([&] { return (children = children_of(process.pid())).size() == 1; }));
  return children.front();
}

}  // namespace

TEST_CASE("events: a consumer that is told to stop, and how it ends") {
  ConsumerYard yard(as_json({"--slots", "1", "--drain-timeout", "200ms", "--liveness", "300ms"}), scaled(1s));
  SECTION("its jobs outlast the drain timeout") {
    const AttemptId job = begin_deaf(yard, 1h);
    yard.consumer.signal(SIGTERM);
    logged(yard.consumer, "drain_timed_out", {{"jobs", 1}});
    CHECK(yard.consumer.wait_exit().code == 0);
    CHECK(yard.broker.ended.count(job) == 0);
  }
  SECTION("its broker does not confirm the outcome") {
    static_cast<void>(begin_deaf(yard, 50ms));
    yard.broker.stop();
    yard.consumer.signal(SIGTERM);
    logged(yard.consumer, "outcomes_lost", {{"jobs", 1}});
    CHECK(yard.consumer.wait_exit().code == 1);
  }
}

TEST_CASE("events: a second SIGTERM") {
  ConsumerYard yard(as_json({"--slots", "1"}));
  static_cast<void>(begin_deaf(yard, 1h));
  yard.consumer.signal(SIGTERM);
  logged(yard.consumer, "draining", {{"jobs", 1}});
  yard.consumer.signal(SIGTERM);
  logged(yard.consumer, "stopping_at_once", {{"jobs", 1}});
  CHECK(yard.consumer.wait_exit().code == 1);
}

TEST_CASE("events: a silent broker, and a thread that cannot be stopped") {
  ConsumerYard yard(as_json({"--slots", "1", "--pool", "threads", "--on-silence", "stop", "--cancel-grace", "100ms"}),
                    scaled(1s));
  static_cast<void>(begin_deaf(yard, 1h));
  yard.broker.stop();
  logged(yard.consumer, "broker_lost");
  logged(yard.consumer, "jobs_abandoned", {{"jobs", 1}});
  logged(yard.consumer, "task_stubborn");
  CHECK(yard.consumer.wait_exit().code == 1);
}

TEST_CASE("events: a thread past its hard limit, until it returns") {
  ConsumerYard yard(as_json({"--slots", "1", "--pool", "threads"}));
  const AttemptId job = begin_deaf(yard, 700ms, hard_limit(100ms));
  CHECK(yard.broker.outcome(job).error.type == "zebu::HardLimit");
  const nlohmann::json of_job = {{"job", job.job.to_string()}, {"attempt", 1}};
  logged(yard.consumer, "slot_blocked", of_job);
  logged(yard.consumer, "slot_returned", of_job);
}

TEST_CASE("events: what a broker says that a consumer does not understand, or does not want to hear") {
  ConsumerYard yard(as_json({"--slots", "1"}));
  yard.broker.send(message::ErrorReport{ErrorCode::bad_message, "this was no message"});
  logged(yard.consumer, "broker_error", {{"code", "bad_message"}});
  const AttemptId unreadable = yard.broker.assign("", pack_args());
  CHECK(yard.broker.outcome(unreadable).state == JobState::failed);
  logged(yard.consumer, "job_unreadable", {{"job", unreadable.job.to_string()}, {"attempt", 1}});
  CHECK(yard.run("echo", pack_args(1)).state == JobState::succeeded);
}

TEST_CASE("events: a slot's process that dies, and one that cannot be started") {
  ConsumerYard yard(as_json({"--slots", "1"}));
  pid_t child = only_child_of(yard.consumer);
  SECTION("before its first job: the next one is started after a pause") {
    ::kill(child, SIGKILL);
    logged(yard.consumer, "slot_died", {{"slot", child}});
    logged(yard.consumer, "slot_restart_delayed");
  }
#ifndef ZEBU_SANITIZED  // whose own checks need descriptors
  SECTION("without descriptors there is no other one until there are some again") {
    rlimit before{};
    REQUIRE(::prlimit(yard.consumer.pid(), RLIMIT_NOFILE, nullptr, &before) == 0);
    const rlimit none{3, before.rlim_max};
    REQUIRE(::prlimit(yard.consumer.pid(), RLIMIT_NOFILE, &none, nullptr) == 0);
    ::kill(child, SIGKILL);
    logged(yard.consumer, "slot_not_started");
    REQUIRE(::prlimit(yard.consumer.pid(), RLIMIT_NOFILE, &before, nullptr) == 0);
  }
#endif
  CHECK(yard.run("echo", pack_args(1)).state == JobState::succeeded);
}

TEST_CASE("events: a job that is killed at its limit, and a process that does not die of it") {
  ConsumerYard yard(as_json({"--slots", "1"}));
  const pid_t child = only_child_of(yard.consumer);
  Undying undying(child);
  const AttemptId job = begin_deaf(yard, 1h, hard_limit(100ms));
  logged(yard.consumer, "slot_killed", {{"slot", child}, {"job", job.job.to_string()}, {"attempt", 1}});
  SECTION("it is left alone, and the slot goes on in another one") {
    logged(yard.consumer, "slot_stuck", {{"slot", child}}, 40s);
    CHECK(yard.broker.outcome(job).error.type == "zebu::HardLimit");
    CHECK(yard.run("echo", pack_args(1)).state == JobState::succeeded);
  }
  SECTION("nor does a consumer that ends wait for it for ever") {
    yard.consumer.signal(SIGTERM);
    logged(yard.consumer, "draining");
    yard.consumer.signal(SIGTERM);
    logged(yard.consumer, "leftovers_stay");
    CHECK(yard.consumer.wait_exit().code == 1);
  }
}

TEST_CASE("events: memory that a task has written over") {
  RogueYard yard(as_json({"--slots", "1"}));
  static_cast<void>(yard.run("scribble_and_hang", pack_args(0xff), hard_limit(1s)));
  logged(yard.consumer, "slot_garbled");
}

TEST_CASE("events: a hook of on_start that fails") {
  const std::string pool = GENERATE("processes", "threads");
  TempDir folder;
  const std::string file = folder.path() / "starts";
  RogueYard yard(as_json({"--slots", "1", "--pool", pool}), {{"ROGUE_HOOK", file}, {"ROGUE_HOOK_FAILS", "1"}});
  logged(yard.consumer, "hook_failed");
  CHECK(yard.run("pid").state == JobState::succeeded);
}

TEST_CASE("events: a hook of on_start that takes long, and does not keep its consumer from stopping") {
  TempDir folder;
  const std::string fifo = folder.path() / "starts";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);  // who opens it to write waits for a reader
  Process consumer(ProcessOptions{.command = as_json({program("rogue-consumer"), "--slots", "1"}),
                                  .environment = {{"ROGUE_HOOK", fifo}}});
  logged(consumer, "hook_slow");
  consumer.signal(SIGTERM);
  CHECK(consumer.wait_exit().code == 0);
}

}  // namespace zebu::test
