#include "tests/support/catch.h"
#include "tests/support/consumer_yard.h"
#include "tests/support/paths.h"
#include "zebu/convert.h"

#include <algorithm>
#include <csignal>
#include <map>
#include <set>

using namespace std::chrono_literals;
using namespace zebu::test;
using Yard = ConsumerYard;
using zebu::AttemptId;
using zebu::ErrorKind;
using zebu::JobOptions;
using zebu::JobState;
using zebu::Outcome;
using zebu::pack_args;

namespace {

JobOptions limits(std::optional<std::chrono::milliseconds> soft, std::optional<std::chrono::milliseconds> hard) {
  JobOptions options;
  options.soft_limit = soft;
  options.hard_limit = hard;
  return options;
}

bool says(const Outcome& outcome, const std::string& part) {
  return outcome.error.message.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a job's soft limit fires its token, and the attempt that ends by it fails as SoftLimit") {
  const std::string pool = GENERATE("processes", "threads");
  Yard yard({"--slots", "1", "--pool", pool});
  const Outcome ended = yard.run("sleep", pack_args(3'600'000), limits(200ms, {}));
  CHECK(ended.state == JobState::failed);
  CHECK(ended.error.type == "zebu::SoftLimit");
  CHECK(ended.error.kind == ErrorKind::failure);
  CHECK(says(ended, "its soft limit of 200 ms"));
  CHECK(ended.ran >= 200ms);
  CHECK(ended.ran < scaled(2s));
}

TEST_CASE("a job that ends before its limits has nothing to do with them") {
  const std::string pool = GENERATE("processes", "threads");
  Yard yard({"--slots", "1", "--pool", pool});
  std::vector<AttemptId> jobs;
  for (int i = 0; i < 200; ++i) jobs.push_back(yard.broker.assign("echo", pack_args(i), limits(50ms, 100ms)));
  const AttemptId longer = yard.broker.assign("sleep", pack_args(400), limits(5s, 10s));
  for (const AttemptId& id : jobs) CHECK(yard.broker.outcome(id).state == JobState::succeeded);
  CHECK(yard.broker.outcome(longer).state == JobState::succeeded);
}

TEST_CASE("a job at its hard limit is killed with its process, fails as HardLimit, and leaves the others unharmed") {
  Yard yard({"--slots", "1"});
  // Short ones before it, so that several jobs lie in the slot at once.
  std::vector<AttemptId> jobs;
  for (int i = 0; i < 300; ++i) jobs.push_back(yard.broker.assign("echo", pack_args(i)));
  for (const AttemptId& id : jobs) static_cast<void>(yard.broker.outcome(id));
  const AttemptId hanging = yard.broker.assign("hang", pack_args(), limits({}, 300ms));
  std::set<AttemptId> behind;
  for (int i = 0; i < 20; ++i) behind.insert(yard.broker.assign("echo", pack_args(i)));
  const Outcome ended = yard.broker.outcome(hanging);
  CHECK(ended.state == JobState::failed);
  CHECK(ended.error.type == "zebu::HardLimit");
  CHECK(ended.error.kind == ErrorKind::failure);
  CHECK(says(ended, "its hard limit of 300 ms"));
  CHECK(ended.ran >= 300ms);
  CHECK(ended.ran < scaled(2s));
  // Each was given back while it waited, or has run; none was taken for crashed.
  yard.broker.hear_until([&] {
    const std::set<AttemptId> back(yard.broker.returned.begin(), yard.broker.returned.end());
    return std::all_of(behind.begin(), behind.end(), [&](const AttemptId& id) {
      return back.count(id) > 0 ||
             (yard.broker.ended.count(id) > 0 && yard.broker.ended[id].state == JobState::succeeded);
    });
  });
  CHECK(yard.run("echo", pack_args(1)).state == JobState::succeeded);
}

TEST_CASE("the soft limit comes first, and the hard one ends a task that does not heed it") {
  Yard yard({"--slots", "1"});
  const Outcome ended = yard.run("hang", pack_args(), limits(50ms, 250ms));
  CHECK(ended.error.type == "zebu::HardLimit");
}

TEST_CASE("a cancelled job at its hard limit is cancelled") {
  Yard yard({"--slots", "1", "--cancel-grace", "1h"});
  const AttemptId job = yard.broker.assign("deaf", pack_args(3'600'000), limits({}, 400ms));
  yard.broker.hear_until([&] { return !yard.broker.told[job].empty(); });
  yard.broker.send(zebu::message::Stop{{job}});
  CHECK(yard.broker.outcome(job).state == JobState::cancelled);
}

TEST_CASE("with threads an attempt at its hard limit fails, and its slot is unusable until the task returns") {
  Yard yard({"--slots", "1", "--pool", "threads"});
  const AttemptId job = yard.broker.assign("deaf", pack_args(1500), limits({}, 200ms));
  const Outcome ended = yard.broker.outcome(job);
  CHECK(ended.error.type == "zebu::HardLimit");
  CHECK(ended.error.kind == ErrorKind::failure);
  yard.consumer.wait_for_error_line("has passed its hard limit");
  // What comes meanwhile goes back, since nobody can run it.
  const AttemptId next = yard.broker.assign("echo", pack_args(1));
  yard.broker.hear_until([&] { return !yard.broker.returned.empty() || yard.broker.ended.count(next) > 0; });
  CHECK(yard.broker.returned == std::vector<AttemptId>{next});
  const auto credit = yard.broker.credit;
  yard.consumer.wait_for_error_line("has returned after its hard limit");
  yard.broker.hear_until([&] { return yard.broker.credit > credit; });
  CHECK(yard.run("echo", pack_args(1)).state == JobState::succeeded);
  CHECK(yard.broker.ended.size() == 3 - 1);  // the late outcome was dropped
}

TEST_CASE("with threads a consumer that is told to stop does not wait for an overdue job") {
  Yard yard({"--slots", "1", "--pool", "threads"});
  CHECK(yard.run("hang", pack_args(), limits({}, 100ms)).error.type == "zebu::HardLimit");
  yard.consumer.signal(SIGTERM);
  yard.broker.hear_until([&] { return yard.broker.has_left; });
  CHECK(yard.consumer.wait_exit().code == 0);
}

TEST_CASE("a task sees its headers, its attempt and how much time it has left") {
  Yard yard({"--slots", "1"});
  JobOptions options = limits(5s, 10s);
  options.headers = {{"traceparent", "00-1-2-03"}, {"tenant", "ox"}};
  const Outcome ended = yard.broker.outcome(yard.broker.assign("about", pack_args(), options, 7));
  REQUIRE(ended.state == JobState::succeeded);
  const About about = about_of(ended);
  CHECK(about.headers == std::map<std::string, std::string>{{"traceparent", "00-1-2-03"}, {"tenant", "ox"}});
  CHECK(about.attempt == 7);
  CHECK(about.left_ms > 1000);
  CHECK(about.left_ms <= 5000);
}

TEST_CASE("errors say whether another attempt is worth it") {
  Yard yard({"--slots", "1"});
  CHECK(yard.run("fail", pack_args("no luck")).error.kind == ErrorKind::failure);
  const Outcome permanent = yard.run("fail", pack_args("infected", true));
  CHECK(permanent.error.kind == ErrorKind::permanent);
  CHECK(permanent.error.type == "test.Permanent");
  CHECK(yard.run("sleep", pack_args("long")).error.kind == ErrorKind::permanent);
  CHECK(yard.run("nosuch", pack_args()).error.kind == ErrorKind::permanent);
  const Outcome crash = yard.run("crash", pack_args());
  CHECK(crash.error.kind == ErrorKind::crash);
  CHECK(crash.error.type == "zebu::Crash");
}

TEST_CASE("wrong limits of a consumer are usage errors") {
  const std::string consumer = program("zebu-consumer");
  for (const auto& [option, value] : {std::pair("--slot-memory", "1GiB"), std::pair("--max-jobs-per-child", "5")}) {
    const Finished ended = run({.command = {consumer, "--pool", "threads", option, value}});
    CHECK(ended.exit.code == 2);
    CHECK(ended.err.find("need processes") != std::string::npos);
  }
  for (const auto& [option, value] : {std::pair("--slot-memory", "1KiB"), std::pair("--slot-memory", "much"),
                                      std::pair("--max-jobs-per-child", "0")}) {
    CHECK(run({.command = {consumer, option, value}}).exit.code == 2);
  }
}
