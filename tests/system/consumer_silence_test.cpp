#include "tests/support/catch.h"
#include "tests/support/consumer_yard.h"
#include "zebu/convert.h"

#include <algorithm>
#include <csignal>

// What a consumer does with its jobs while its broker says nothing, or does not hear it.
using namespace std::chrono_literals;
using namespace zebu::test;
using Yard = ConsumerYard;
using zebu::AttemptId;
using zebu::JobState;
using zebu::pack_args;

namespace {

constexpr auto kLiveness = 1s;

// Whether this process runs; a zombie does not.
bool runs(pid_t pid) { return ::kill(pid, 0) == 0; }

}  // namespace

TEST_CASE("on silence keep: a job outlives its broker's silence") {
  Yard yard({"--slots", "1"}, scaled(kLiveness));
  const AttemptId job = yard.broker.assign("deaf", pack_args(1));
  static_cast<void>(yard.broker.outcome(job));
  const AttemptId lasting = yard.broker.assign("sleep", pack_args(3'600'000));
  yard.broker.stop();
  yard.consumer.wait_for_error_line("lost the broker");
  yard.broker.restart();
  CHECK(yard.broker.welcome() == std::vector<AttemptId>{lasting});
}

TEST_CASE("on silence stop: a broker that says nothing finds no job running when it is back, and gives it out again") {
  const std::string pool = GENERATE("processes", "threads");
  Yard yard({"--slots", "2", "--pool", pool, "--on-silence", "stop", "--cancel-grace", "200ms"}, scaled(kLiveness));
  const AttemptId ended = yard.broker.assign("deaf", pack_args(1));
  yard.broker.hear_until([&] { return !yard.broker.told[ended].empty() || yard.broker.ended.count(ended) > 0; });
  const AttemptId lasting = yard.broker.assign("progress", pack_args(1000, 1000));
  const AttemptId waiting = yard.broker.assign("sleep", pack_args(3'600'000));
  yard.broker.hear_until([&] { return !yard.broker.told[lasting].empty() && yard.broker.ended.count(ended) > 0; });
  const auto children = children_of(yard.consumer.pid());
  yard.broker.stop();
  yard.consumer.wait_for_error_line("(--on-silence stop)");
  if (pool == std::string("processes")) {
    const bool are_gone = eventually([&] { return std::none_of(children.begin(), children.end(), runs); });
    CHECK(are_gone);
  }
  yard.broker.restart();
  CHECK(yard.broker.welcome().empty());
  // Nothing is said of the stopped attempts, and the slots take jobs again.
  const AttemptId again{lasting.job, 2};
  yard.broker.send(zebu::message::Assign{{{again.job, again.attempt, "echo", "default", pack_args(7), {}}}});
  CHECK(yard.broker.outcome(again).state == JobState::succeeded);
  CHECK(yard.broker.ended.count(lasting) == 0);
  CHECK(yard.broker.ended.count(waiting) == 0);
}

TEST_CASE("on silence stop: a broker that speaks and does not hear is a silent one") {
  Yard yard({"--slots", "1", "--on-silence", "stop"}, scaled(kLiveness));
  static_cast<void>(yard.broker.assign("sleep", pack_args(3'600'000)));
  yard.broker.answers_echo = false;
  // Its beats are answered all the time.
  std::unique_ptr<Heard> heard;
  while (yard.broker.hellos == 1) heard = yard.broker.receive();
  CHECK(heard->as<zebu::message::Hello>().consumer.runs.empty());
  yard.consumer.wait_for_error_line("(--on-silence stop)");
}

TEST_CASE("on silence stop: while the broker answers, jobs run on for longer than the liveness time") {
  const std::string pool = GENERATE("processes", "threads");
  Yard yard({"--slots", "1", "--pool", pool, "--on-silence", "stop", "--cancel-grace", "200ms"}, scaled(2s));
  const AttemptId job = yard.broker.assign("progress", pack_args(5, 1000));
  CHECK(yard.broker.outcome(job).state == JobState::succeeded);
  CHECK(yard.broker.hellos == 1);
}

TEST_CASE("on silence stop: a thread that ignores its token ends with its process, which says why") {
  Yard yard({"--slots", "1", "--pool", "threads", "--on-silence", "stop", "--cancel-grace", "100ms"},
            scaled(kLiveness));
  const AttemptId job = yard.broker.assign("deaf", pack_args(3'600'000));
  yard.broker.hear_until([&] { return !yard.broker.told[job].empty(); });
  yard.broker.stop();
  CHECK(yard.consumer.wait_exit(20s).code == 1);
  CHECK(yard.consumer.err().find("a task ignores its token") != std::string::npos);
}

TEST_CASE("a consumer that was stopped for longer than the liveness time listens before it gives its session up") {
  constexpr auto kPause = 2500ms;
  Yard yard({"--slots", "1"}, scaled(2s));
  yard.consumer.signal(SIGSTOP);
  const auto until = zebu::Clock::now() + scaled(kPause);
  REQUIRE(eventually([&] { return zebu::Clock::now() > until; }, 10s));
  yard.consumer.signal(SIGCONT);
  CHECK(yard.run("echo", pack_args(1)).state == JobState::succeeded);
  CHECK(yard.broker.hellos == 1);
}
