#include "tests/support/catch.h"
#include "tests/support/rogue_yard.h"

#include <algorithm>
#include <map>

using namespace std::chrono_literals;
using namespace zebu::test;
using zebu::AttemptId;
using zebu::ErrorKind;
using zebu::JobState;
using zebu::Outcome;
using zebu::pack_args;

// A task that breaks its own slot's process costs its own attempt.
namespace {

bool says_with_trace(const Outcome& outcome, const std::string& part) {
  std::string text = outcome.error.message;
  for (const std::string& line : outcome.error.trace) text += "\n" + line;
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a task that meddles with its slot's descriptors has crashed, and the slot goes on in another process") {
  RogueYard yard({"--slots", "1"});
  for (const char* how : {"close", "shutdown", "replace"}) {
    const Outcome ended = yard.run("meddle", pack_args(how));
    INFO(how << ": " << ended.error.message);
    CHECK(ended.error.type == "zebu::Crash");
    CHECK(ended.error.kind == ErrorKind::crash);
    CHECK((says_with_trace(ended, "descriptor of its slot") ||
           says_with_trace(ended, "a stream between its slot and the consumer")));
    CHECK(yard.run("pid").state == JobState::succeeded);
  }
  CHECK(yard.are_left(2));
}

TEST_CASE("what a task writes to its slot's descriptors costs no job, and the slot goes on in another process") {
  RogueYard yard({"--slots", "1"});
  const auto number = [&] { return yard.run("pid").result; };
  const std::string before = number();
  // Behind the garbage in the slot's stream: outcomes of short jobs.
  std::vector<AttemptId> jobs;
  for (int i = 0; i < 20; ++i) jobs.push_back(yard.broker.assign("pid", pack_args()));
  jobs.push_back(yard.broker.assign("meddle", pack_args("write")));
  for (int i = 0; i < 20; ++i) jobs.push_back(yard.broker.assign("pid", pack_args()));
  for (const AttemptId& job : jobs) {
    yard.broker.hear_until([&] { return yard.broker.ended.count(job) > 0 || yard.is_back(job); });
    if (!yard.is_back(job)) CHECK(yard.broker.outcome(job).state == JobState::succeeded);
  }
  CHECK(number() != before);
  CHECK(yard.consumer.err().find("a task wrote to a descriptor of its slot") != std::string::npos);
  CHECK(yard.are_left(2));
}

TEST_CASE("what a slot shares with the consumer cannot be made smaller") {
  RogueYard yard({"--slots", "1"});
  CHECK(yard.run("meddle", pack_args("truncate")).state == JobState::succeeded);
  CHECK(yard.run("pid").state == JobState::succeeded);
  CHECK(yard.consumer.is_running());
}

TEST_CASE("a cancel is confirmed, whatever the task has done to its slot's descriptors") {
  RogueYard yard({"--slots", "1", "--cancel-grace", "100ms"});
  for (const char* how : {"close", "truncate", "replace", "read", "steal"}) {
    const AttemptId job = yard.begin("meddle_and_hang", pack_args(how));
    yard.broker.send(zebu::message::Stop{{job}});
    INFO(how);
    CHECK(yard.broker.outcome(job).state == JobState::cancelled);
  }
  CHECK(yard.run("pid").state == JobState::succeeded);
}

TEST_CASE("jobs that a task takes out of its slot's stream run elsewhere") {
  RogueYard yard({"--slots", "1"});
  // Short jobs first, so that several lie in the slot at once.
  for (int i = 0; i < 300; ++i) static_cast<void>(yard.broker.assign("pid", pack_args()));
  yard.broker.hear_until([&] { return yard.broker.ended.size() + yard.broker.returned.size() >= 300; });
  std::map<AttemptId, int> open;
  for (int i = 0; i < 5; ++i) {
    open[yard.broker.assign("meddle", pack_args("steal"))] = 0;
    for (int k = 0; k < 5; ++k) open[yard.broker.assign("pid", pack_args())] = 0;
  }
  const auto is_over = [&](const AttemptId& id) { return yard.broker.ended.count(id) > 0 || yard.is_back(id); };
  yard.broker.hear_until(
      [&] { return std::all_of(open.begin(), open.end(), [&](const auto& job) { return is_over(job.first); }); });
  CHECK(yard.run("pid").state == JobState::succeeded);
}

TEST_CASE("a task that writes over the memory shared with the consumer harms itself only") {
  RogueYard yard({"--slots", "1", "--cancel-grace", "100ms"});
  for (const int byte : {0x00, 0xff, 0x55}) {
    CHECK(yard.run("scribble_and_crash", pack_args(byte)).error.kind == ErrorKind::crash);
    const AttemptId hanging = yard.begin("scribble_and_hang", pack_args(byte));
    yard.broker.send(zebu::message::Stop{{hanging}});
    CHECK(yard.broker.outcome(hanging).state == JobState::cancelled);
    CHECK(yard.run("pid").state == JobState::succeeded);
  }
  // Nobody cancels this one, and its limit cannot be read.
  zebu::JobOptions options;
  options.hard_limit = 1s;
  const Outcome ended = yard.run("scribble_and_hang", pack_args(0xff), options);
  CHECK(ended.error.kind == ErrorKind::crash);
  CHECK(says_with_trace(ended, "it wrote over the memory that it shares with the consumer"));
}

TEST_CASE("a task that ends or replaces its own process has crashed") {
  RogueYard yard({"--slots", "1"});
  CHECK(yard.run("exit").error.message == "the slot's process died: exited with code 7");
  CHECK(yard.run("exec").error.kind == ErrorKind::crash);
  CHECK(yard.run("pthread_exit").error.kind == ErrorKind::crash);
  CHECK(yard.run("pid").state == JobState::succeeded);
  CHECK(yard.are_left(2));
}

TEST_CASE("what a task changes of its process is as before for the next one") {
  RogueYard yard({"--slots", "1"});
  const Outcome pid = yard.run("pid");
  const Outcome before = yard.run("state");
  for (int i = 0; i < 3; ++i) {
    CHECK(yard.run("spoil").state == JobState::succeeded);
    CHECK(yard.run("state").result == before.result);
  }
  CHECK(yard.run("pid").result == pid.result);
}

TEST_CASE("a task's 100 MiB of output hold up neither its neighbours nor the consumer") {
  RogueYard yard({"--slots", "2"});
  const AttemptId loud = yard.broker.assign("shout", pack_args(100));
  for (int i = 0; i < 20; ++i) CHECK(yard.run("pid").state == JobState::succeeded);
  CHECK(yard.broker.outcome(loud).state == JobState::succeeded);
}

TEST_CASE("a hook of on_start runs once in each slot's process, before its first job") {
  const std::string pool = GENERATE("processes", "threads");
  TempDir folder;
  const std::string file = (folder.path() / "starts").string();
  RogueYard yard({"--slots", "2", "--pool", pool}, {{"ROGUE_HOOK", file}});
  for (int i = 0; i < 20; ++i) CHECK(yard.run("pid").state == JobState::succeeded);
  const std::size_t starts = pool == "threads" ? 1 : 2;
  CHECK(eventually([&] { return folder.read("starts").size() == starts * std::string("start\n").size(); }));
}

TEST_CASE("a hook that throws keeps its slot from jobs, which the consumer says, and is tried again") {
  const std::string pool = GENERATE("processes", "threads");
  TempDir folder;
  const std::string file = (folder.path() / "starts").string();
  RogueYard yard({"--slots", "1", "--pool", pool}, {{"ROGUE_HOOK", file}, {"ROGUE_HOOK_FAILS", "2"}});
  CHECK(yard.run("pid").state == JobState::succeeded);
  CHECK(folder.read("starts") == "start\nstart\nstart\n");
  CHECK(yard.consumer.err().find("std::runtime_error: no model") != std::string::npos);
}

TEST_CASE("with threads a consumer whose hook fails stops when it is told to") {
  TempDir folder;
  const std::string file = (folder.path() / "starts").string();
  Process consumer(ProcessOptions{.command = {program("rogue-consumer"), "--pool", "threads"},
                                  .environment = {{"ROGUE_HOOK", file}, {"ROGUE_HOOK_FAILS", "1000"}}});
  consumer.wait_for_error_line("no model");
  consumer.signal(SIGTERM);
  CHECK(consumer.wait_exit().code == 0);
}

TEST_CASE("a process that a hook started stays until its slot's process ends") {
  TempDir folder;
  const std::string file = (folder.path() / "starts").string();
  RogueYard yard({"--slots", "1"}, {{"ROGUE_HOOK", file}, {"ROGUE_HELPER", "1"}});
  CHECK(yard.are_left(3));
  CHECK(yard.shell("sleep 1000 & setsid sleep 1001 &").state == JobState::succeeded);
  CHECK(yard.are_left(3));
  yard.consumer.signal(SIGTERM);
  yard.broker.hear_until([&] { return yard.broker.has_left; });
  CHECK(yard.consumer.wait_exit(20s).code == 0);
  CHECK(yard.marked().empty());
}
