#include "tests/support/catch.h"
#include "tests/support/consumer_yard.h"
#include "zebu/convert.h"

#include <algorithm>
#include <csignal>

using namespace std::chrono_literals;
using namespace zebu::test;
using Yard = ConsumerYard;
using zebu::AttemptId;
using zebu::JobState;
using zebu::pack_args;

TEST_CASE("the broker's DRAIN does what SIGTERM does") {
  const std::string pool = GENERATE("processes", "threads");
  Yard yard({"--slots", "1", "--pool", pool});
  const AttemptId job = yard.broker.assign("deaf", pack_args(300));
  yard.broker.hear_until([&] { return !yard.broker.told[job].empty(); });
  const AttemptId waiting = yard.broker.assign("sleep", pack_args(500));
  yard.broker.send(zebu::message::Drain{});
  yard.broker.hear_until([&] { return yard.broker.has_left; });
  CHECK(yard.broker.has_drained);
  CHECK(yard.broker.ended.at(job).state == JobState::succeeded);
  CHECK(yard.broker.returned == std::vector<AttemptId>{waiting});
  CHECK(yard.consumer.wait_exit().code == 0);
}

TEST_CASE("jobs that the broker assigned before it read DRAIN go back unstarted") {
  Yard yard({"--slots", "1"});
  yard.broker.answers_drain = false;
  yard.consumer.signal(SIGTERM);
  yard.broker.hear_until([&] { return yard.broker.has_drained; });
  zebu::JobOptions once;
  once.acks_early = true;
  const AttemptId late = yard.broker.assign("echo", pack_args(1), once);
  yard.broker.send(zebu::message::Drained{});
  yard.broker.hear_until([&] { return yard.broker.has_left; });
  CHECK(yard.broker.returned == std::vector<AttemptId>{late});
  CHECK(yard.consumer.wait_exit().code == 0);
}

TEST_CASE("a consumer whose instance another process has ends, and says why") {
  Yard yard({"--slots", "1"});
  zebu::message::About about;
  about.type = 1;
  yard.broker.send(zebu::message::ErrorReport{zebu::ErrorCode::replaced, "another session of this instance", about});
  CHECK(yard.consumer.wait_exit().code == 1);
  CHECK(yard.consumer.err().find("another session of this instance") != std::string::npos);
}

TEST_CASE("a consumer that outlives its broker keeps its jobs, names them to the next one, and delivers") {
  const std::string pool = GENERATE("processes", "threads");
  Yard yard({"--slots", "2", "--pool", pool}, scaled(500ms));
  const AttemptId lasts = yard.broker.assign("progress", pack_args(2, 2000));
  const AttemptId ends = yard.broker.assign("deaf", pack_args(200));
  yard.broker.hear_until([&] { return !yard.broker.told[ends].empty(); });
  yard.broker.stop();
  // By then the first one has ended.
  yard.consumer.wait_for_error_line("lost the broker");
  yard.broker.restart();
  auto runs = yard.broker.welcome();
  std::sort(runs.begin(), runs.end());
  std::vector<AttemptId> both = {ends, lasts};
  std::sort(both.begin(), both.end());
  CHECK(runs == both);
  CHECK(yard.broker.outcome(ends).state == JobState::succeeded);
  CHECK(yard.broker.outcome(lasts).state == JobState::succeeded);
  CHECK(yard.broker.returned.empty());
}

TEST_CASE("a consumer finds a restarted broker within about a second, also after it was long away") {
  Yard yard({"--slots", "1", "--liveness", "500ms"}, scaled(1s));
  for (const bool is_long : {false, true}) {
    yard.broker.stop();
    if (is_long) yard.consumer.wait_for_error_line("lost the broker");
    yard.broker.restart();
    const auto start = zebu::Clock::now();
    static_cast<void>(yard.broker.welcome());
    CHECK(zebu::Clock::now() - start < scaled(1500ms));
    CHECK(yard.run("echo", pack_args(1)).state == JobState::succeeded);
  }
}

TEST_CASE("a consumer that stops while its broker restarts still delivers") {
  Yard yard({"--slots", "1", "--liveness", "200ms", "--drain-timeout", "1h"}, scaled(500ms));
  const AttemptId job = yard.broker.assign("deaf", pack_args(200));
  yard.broker.hear_until([&] { return !yard.broker.told[job].empty(); });
  yard.broker.stop();
  yard.consumer.signal(SIGTERM);
  yard.consumer.wait_for_error_line("lost the broker");
  yard.broker.restart();
  CHECK(yard.broker.welcome() == std::vector<AttemptId>{job});
  CHECK(yard.broker.outcome(job).state == JobState::succeeded);
  yard.broker.hear_until([&] { return yard.broker.has_left; });
  CHECK(yard.consumer.wait_exit().code == 0);
}

TEST_CASE("a consumer that stops together with its broker does not wait for an answer to DRAIN") {
  Yard yard({"--slots", "1", "--drain-timeout", "1h"});
  yard.broker.answers_drain = false;
  yard.consumer.signal(SIGTERM);
  yard.broker.hear_until([&] { return yard.broker.has_drained; });
  yard.broker.send(zebu::message::Bye{});
  CHECK(yard.consumer.wait_exit().code == 0);
}
