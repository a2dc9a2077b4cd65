#include "tests/support/catch.h"
#include "tests/support/consumer_yard.h"
#include "zebu/convert.h"

#include <algorithm>
#include <csignal>
#include <map>
#include <set>
#include <signal.h>

using namespace std::chrono_literals;
using namespace zebu::test;
using Yard = ConsumerYard;
using zebu::AttemptId;
using zebu::ErrorKind;
using zebu::JobState;
using zebu::Outcome;
using zebu::pack_args;

TEST_CASE("a slot's process is replaced after its number of jobs, and none of them is lost or runs twice") {
  Yard yard({"--slots", "2", "--max-jobs-per-child", "7"});
  std::vector<AttemptId> jobs;
  for (int i = 0; i < 100; ++i) jobs.push_back(yard.broker.assign("about", pack_args()));
  std::map<std::int64_t, int> by_child;
  for (const AttemptId& job : jobs) {
    const auto is_back = [&] {
      return std::find(yard.broker.returned.begin(), yard.broker.returned.end(), job) != yard.broker.returned.end();
    };
    yard.broker.hear_until([&] { return yard.broker.ended.count(job) > 0 || is_back(); });
    if (is_back()) continue;
    REQUIRE(yard.broker.ended[job].state == JobState::succeeded);
    ++by_child[about_of(yard.broker.ended[job]).process];
  }
  CHECK(std::all_of(by_child.begin(), by_child.end(), [](const auto& child) { return child.second <= 7; }));
  CHECK(by_child.size() >= (yard.broker.ended.size() + 6) / 7);
  CHECK(eventually([&] { return children_of(yard.consumer.pid()).size() == 2; }));
}

TEST_CASE("a consumer whose processes run one job each takes the next ones without a break") {
  Yard yard({"--slots", "1", "--max-jobs-per-child", "1"});
  std::set<std::int64_t> children;
  for (int i = 0; i < 20; ++i) {
    const Outcome ended = yard.run("about", pack_args());
    REQUIRE(ended.state == JobState::succeeded);
    children.insert(about_of(ended).process);
  }
  CHECK(children.size() == 20);
}

TEST_CASE("processes that are killed while short jobs flow cost some of them an attempt, and every job has one fate") {
  Yard yard({"--slots", "2"});
  for (int round = 0; round < 40; ++round) {
    std::set<AttemptId> open;
    for (int i = 0; i < 300; ++i) open.insert(yard.broker.assign("echo", pack_args(i)));
    yard.broker.ended.clear();
    yard.broker.returned.clear();
    yard.broker.hear_until([&] { return !yard.broker.ended.empty() || !yard.broker.returned.empty(); });
    for (const pid_t child : children_of(yard.consumer.pid())) ::kill(child, SIGKILL);
    yard.broker.hear_until([&] { return yard.broker.ended.size() + yard.broker.returned.size() >= open.size(); });
    for (const auto& [id, outcome] : yard.broker.ended) {
      CHECK(open.erase(id) == 1);
      CHECK((outcome.state == JobState::succeeded || outcome.error.kind == ErrorKind::crash));
    }
    for (const AttemptId& id : yard.broker.returned) CHECK(open.erase(id) == 1);
    CHECK(open.empty());
  }
  CHECK(yard.run("echo", pack_args(1)).state == JobState::succeeded);
}

#ifndef ZEBU_SANITIZED  // which take more memory than any limit allows
TEST_CASE("a job that wants more memory than its slot has fails as MemoryLimit, and the next ones are well") {
  Yard yard({"--slots", "1", "--slot-memory", "64MiB"});
  CHECK(yard.run("hog", pack_args(8)).state == JobState::succeeded);
  const Outcome ended = yard.run("hog", pack_args(256));
  CHECK(ended.state == JobState::failed);
  CHECK(ended.error.type == "zebu::MemoryLimit");
  CHECK(ended.error.kind == ErrorKind::failure);
  CHECK(ended.error.message.find("64 MiB") != std::string::npos);
  CHECK(yard.run("hog", pack_args(8)).state == JobState::succeeded);
}

TEST_CASE("a process that failed for want of memory is replaced, so that what leaked there is gone") {
  Yard yard({"--slots", "1", "--slot-memory", "64MiB"});
  const auto before = children_of(yard.consumer.pid());
  CHECK(yard.run("hog", pack_args(256)).error.type == "zebu::MemoryLimit");
  CHECK(yard.run("echo", pack_args(1)).state == JobState::succeeded);
  CHECK(children_of(yard.consumer.pid()) != before);
}

TEST_CASE("a process that dies under a memory limit says so") {
  Yard yard({"--slots", "1", "--slot-memory", "64MiB"});
  const Outcome crash = yard.run("crash", pack_args());
  CHECK(crash.error.kind == ErrorKind::crash);
  CHECK(crash.error.message == "the slot's process died: killed by SIGSEGV; its memory is limited to 64 MiB");
}

TEST_CASE("the smallest memory limit that is taken is enough for small jobs") {
  Yard yard({"--slots", "1", "--slot-memory", "32MiB"});
  for (int i = 0; i < 100; ++i)
    CHECK(yard.run("echo", pack_args(std::string(10'000, 'x'))).state == JobState::succeeded);
  CHECK(yard.run("fail", pack_args("no luck")).error.message == "no luck");
}
#endif
