#include "tests/support/catch.h"
#include "tests/support/rogue_yard.h"

#include <algorithm>
#include <csignal>
#include <unistd.h>

using namespace std::chrono_literals;
using namespace zebu::test;
using zebu::AttemptId;
using zebu::JobOptions;
using zebu::JobState;
using zebu::Outcome;
using zebu::pack_args;

// What tasks start ends with them. A yard is its consumer and as many processes as it has slots.
namespace {

// Starts programs in several ways, and stays itself.
constexpr const char* kStarter =
    "sleep 1000 & (sleep 1001 &) ; setsid sleep 1002 & setsid sh -c 'sleep 1003 & sleep 1004' & "
    "nohup sh -c 'trap : TERM INT HUP; while :; do sleep 1; done' >/dev/null 2>&1 & ";

AttemptId begun(RogueYard& yard, const std::string& script, std::size_t processes, JobOptions options = {}) {
  const AttemptId job = yard.broker.assign("shell", pack_args(script), std::move(options));
  REQUIRE(eventually([&] { return yard.marked().size() >= processes; }, 20s));
  return job;
}

}  // namespace

TEST_CASE("what a task started ends when its job is cancelled") {
  RogueYard yard({"--slots", "1"});
  const AttemptId job = begun(yard, std::string(kStarter) + "wait", 8);
  yard.broker.send(zebu::message::Stop{{job}});
  CHECK(yard.broker.outcome(job).state == JobState::cancelled);
  CHECK(yard.are_left(2));
}

TEST_CASE("what a task started ends at its hard limit") {
  RogueYard yard({"--slots", "1"});
  const Outcome ended = yard.shell(std::string(kStarter) + "wait", hard_limit(500ms));
  CHECK(ended.error.type == "zebu::HardLimit");
  CHECK(yard.are_left(2));
}

TEST_CASE("what a task left behind has ended when its outcome is there, and the slot goes on") {
  RogueYard yard({"--slots", "1"});
  const Outcome before = yard.run("pid");
  CHECK(yard.shell(kStarter).state == JobState::succeeded);
  CHECK(yard.marked().size() == 2);
  CHECK(yard.run("daemonise").state == JobState::succeeded);
  CHECK(yard.marked().size() == 2);
  CHECK(yard.run("pid").result == before.result);
  yard.consumer.wait_for_error_line("the task shell left");
}

TEST_CASE("what a task started ends with its process, whose death the consumer cleans up behind") {
  RogueYard yard({"--slots", "1"});
  const AttemptId job = begun(yard, std::string(kStarter) + "wait", 8);
  for (const pid_t slot : children_of(yard.consumer.pid())) ::kill(slot, SIGKILL);
  CHECK(yard.broker.outcome(job).error.type == "zebu::Crash");
  CHECK(yard.are_left(2));
}

TEST_CASE("a replaced process leaves nothing behind") {
  RogueYard yard({"--slots", "1", "--max-jobs-per-child", "1"});
  for (int i = 0; i < 5; ++i) CHECK(yard.shell(kStarter).state == JobState::succeeded);
  CHECK(yard.are_left(2));
}

TEST_CASE("a consumer that stops leaves nothing behind, neither at the end of its drain timeout") {
  RogueYard yard({"--slots", "2", "--drain-timeout", "300ms"});
  static_cast<void>(begun(yard, std::string(kStarter) + "wait", 8));
  yard.consumer.signal(SIGTERM);
  yard.broker.hear_until([&] { return yard.broker.has_left; });
  CHECK(yard.consumer.wait_exit(20s).code == 0);
  CHECK(yard.marked().empty());
}

TEST_CASE("a consumer that is killed leaves nothing behind") {
  RogueYard yard({"--slots", "3"});
  static_cast<void>(begun(yard, std::string(kStarter) + "wait", 10));
  static_cast<void>(yard.broker.assign("fork_and_stay", pack_args()));
  static_cast<void>(begun(yard, "setsid sh -c 'setsid sleep 1005 & sleep 1006' & wait", 13));
  yard.consumer.signal(SIGKILL);
  yard.consumer.wait_exit();
  CHECK(yard.are_left(0));
}

TEST_CASE("a consumer that is killed while its slot is stopped leaves nothing behind") {
  RogueYard yard({"--slots", "1"});
  static_cast<void>(begun(yard, "setsid sleep 1000 & kill -STOP $PPID; sleep 1001", 5));
  yard.consumer.signal(SIGKILL);
  yard.consumer.wait_exit();
  CHECK(yard.are_left(0));
}

TEST_CASE("kill 0 in a task's script harms neither the consumer nor its neighbours") {
  RogueYard yard({"--slots", "2"});
  const AttemptId neighbour = yard.broker.assign("shell", pack_args("sleep 1"));
  for (const char* script : {"trap 'kill 0' EXIT", "trap 'kill -INT 0' EXIT; exit 3", "kill -HUP 0"}) {
    CHECK(yard.shell(script).state == JobState::succeeded);
  }
  CHECK(yard.shell("kill -9 0").error.type == "zebu::Crash");
  const Outcome ended = yard.broker.outcome(neighbour);
  CHECK(ended.state == JobState::succeeded);
  CHECK(ended.result == yard.shell("true").result);
  CHECK(yard.consumer.is_running());
  CHECK(yard.are_left(3));
}

TEST_CASE("a copy of a slot's process that a task leaves in both ends at once, and its outcome is nobody's") {
  RogueYard yard({"--slots", "1"});
  const Outcome slot = yard.run("pid");
  const std::string file = (yard.folder.path() / "notes").string();
  const auto args_of = [&](int i) { return i % 3 == 2 ? pack_args(file, std::to_string(i)) : pack_args(); };
  const auto give = [&](int i) {
    return yard.broker.assign(i % 3 == 0 ? "fork" : i % 3 == 1 ? "fork_and_tell" : "note", args_of(i));
  };
  std::vector<AttemptId> jobs;
  for (int i = 0; i < 90; ++i) jobs.push_back(give(i));
  for (int i = 0; i < 90; ++i) {
    AttemptId& job = jobs[static_cast<std::size_t>(i)];
    yard.broker.hear_until([&] {
      if (yard.is_back(job)) job = give(i);
      return yard.broker.ended.count(job) > 0;
    });
    const Outcome& ended = yard.broker.ended[job];
    REQUIRE(ended.state == JobState::succeeded);
    if (i % 3 != 2) CHECK(ended.result == slot.result);
    CHECK(yard.broker.told[job].empty());
  }
  const std::string notes = yard.folder.read("notes");
  CHECK(std::count(notes.begin(), notes.end(), '\n') == 30);
  CHECK(yard.run("fork_and_throw").state == JobState::succeeded);
  CHECK(yard.are_left(2));
}

TEST_CASE("a task that makes its process a daemon has crashed, and its copy ends") {
  RogueYard yard({"--slots", "1"});
  const Outcome ended = yard.run("become_daemon");
  CHECK(ended.error.type == "zebu::Crash");
  CHECK(ended.error.message == "the slot's process died: exited with code 0");
  CHECK(yard.run("pid").state == JobState::succeeded);
  CHECK(yard.are_left(2));
}

TEST_CASE("a bounded fork bomb ends with its attempt, also one whose processes have sessions of their own") {
  RogueYard yard({"--slots", "1"});
  CHECK(yard.run("bomb", pack_args(8)).state == JobState::succeeded);
  CHECK(yard.are_left(2));
  CHECK(yard.shell("i=0; while [ $i -lt 200 ]; do setsid sleep 1000 & i=$((i+1)); done").state == JobState::succeeded);
  CHECK(yard.are_left(2));
  CHECK(yard.run("pid").state == JobState::succeeded);
}

TEST_CASE("with threads the copy that a task makes ends as well, and runs no other job") {
  RogueYard yard({"--slots", "1", "--pool", "threads"});
  const std::string notes = (yard.folder.path() / "notes").string();
  const AttemptId forked = yard.broker.assign("fork", pack_args());
  for (int i = 0; i < 10; ++i) static_cast<void>(yard.broker.outcome(yard.broker.assign("fork", pack_args())));
  CHECK(yard.broker.outcome(forked).state == JobState::succeeded);
  CHECK(yard.run("note", pack_args(notes, std::string("once"))).state == JobState::succeeded);
  CHECK(yard.folder.read("notes") == "once\n");
  CHECK(yard.are_left(1));
}

TEST_CASE("as PID 1 a consumer reaps whatever it inherits") {
  if (!may_be_pid_1()) {
    WARN("left out: a PID namespace cannot be made here");
    return;
  }
  RogueYard yard({"--slots", "2"}, {}, as_pid_1());
  REQUIRE(children_of(yard.consumer.pid()).size() == 1);
  const pid_t consumer = children_of(yard.consumer.pid()).front();
  for (int i = 0; i < 10; ++i) {
    CHECK(yard.shell(kStarter).state == JobState::succeeded);
    CHECK(yard.run("daemonise").state == JobState::succeeded);
    CHECK(yard.run("become_daemon").error.type == "zebu::Crash");
  }
  CHECK(yard.shell("trap 'kill 0' EXIT").state == JobState::succeeded);
  // Zombies count as children.
  CHECK(eventually([&] { return children_of(consumer).size() == 2; }, 20s));
  CHECK(yard.are_left(3 + 1));  // and unshare
  ::kill(consumer, SIGTERM);
  yard.broker.hear_until([&] { return yard.broker.has_left; });
  CHECK(yard.consumer.wait_exit(20s).code == 0);
  CHECK(yard.are_left(0));
}
