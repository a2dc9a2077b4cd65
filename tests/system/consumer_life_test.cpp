#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/stack.h"
#include "zebu/client.h"

using namespace std::chrono_literals;
using namespace zebu::test;
using zebu::JobOptions;
using zebu::JobState;
using zebu::Outcome;
using zebu::pack_args;

namespace {

constexpr auto kLifePatience = 20s;

// What the consumer says of an attempt, and what the broker makes of it.
struct LifeYard {
  LifeYard() : stack({.consumer = {"--slots", "2", "--test-tasks"}, .with_webfront = false}) {
    zebu::ClientOptions options;
    options.broker = stack.clients();
    client = std::move(*zebu::Client::connect(options));
  }

  zebu::JobHandle submit(std::string task, std::string args, JobOptions options) {
    return client->submit(zebu::JobRequest{std::move(task), std::move(args), "default", std::move(options)});
  }
  Outcome run(std::string task, std::string args, JobOptions options) {
    const auto ended = submit(std::move(task), std::move(args), std::move(options)).outcome(scaled(kLifePatience));
    if (!ended) FAIL(ended.error().message);
    return *ended;
  }

  Stack stack;
  std::unique_ptr<zebu::Client> client;
};

JobOptions retries(std::uint32_t count) {
  JobOptions options;
  options.retry.max = count;
  options.retry.delay = 20ms;
  return options;
}

}  // namespace

TEST_CASE("a flaky task succeeds with enough retries, and a permanent failure has none") {
  LifeYard ox;
  const Outcome flaky = ox.run("flaky", pack_args(2), retries(3));
  CHECK(flaky.state == JobState::succeeded);
  CHECK(zebu::unpack_value<int>(flaky.result) == 3);
  const Outcome unlucky = ox.run("flaky", pack_args(2), retries(1));
  CHECK(unlucky.error.message == "attempt 2");

  auto slow = retries(100);
  slow.retry.delay = 1h;
  CHECK(ox.run("fail", pack_args("infected", true), slow).error.type == "test.Permanent");
  CHECK(ox.run("sleep", pack_args("long"), slow).error.type == "zebu::BadArguments");
}

TEST_CASE("an attempt that its soft limit ended is retried as any other that failed") {
  LifeYard ox;
  JobOptions options = retries(2);
  options.soft_limit = 50ms;
  const Outcome ended = ox.run("sleep", pack_args(3'600'000), options);
  CHECK(ended.state == JobState::failed);
  CHECK(ended.error.type == "zebu::SoftLimit");
}

TEST_CASE("a hard limit is a failure that uses a retry: without retries a job runs once") {
  LifeYard ox;
  for (const char* retries : {"0", "1"}) {
    const auto submitted =
        ox.stack.produce({"submit", "hang", "--hard-limit", "100ms", "--retries", retries, "--retry-delay", "20ms"});
    const std::string id = submitted.out.substr(0, submitted.out.find('\n'));
    const auto ended = ox.stack.produce({"wait", id});
    CHECK(ended.exit.code == 1);
    INFO(ended.err);
    CHECK(ended.err.find("zebu::HardLimit") != std::string::npos);
    const std::string status = ox.stack.produce({"status", id}).out;
    INFO(status);
    CHECK(status.find("attempt    " + std::to_string(1 + std::stoi(retries)) + "\n") != std::string::npos);
    CHECK(status.find("crashes") == std::string::npos);
  }
}

TEST_CASE("a job that reaches its hard limit again and again ends as HardLimit, and affects no other job") {
  LifeYard ox;
  JobOptions options = retries(2);
  options.hard_limit = 100ms;
  const auto hanging = ox.submit("hang", pack_args(), options);
  for (int i = 0; i < 20; ++i) CHECK(ox.run("sleep", pack_args(20), {}).state == JobState::succeeded);
  const auto ended = hanging.outcome(scaled(kLifePatience));
  REQUIRE(ended);
  CHECK(ended->state == JobState::failed);
  CHECK(ended->error.type == "zebu::HardLimit");
}

TEST_CASE("a client that waits for a job receives its progress and output") {
  LifeYard ox;
  const auto job = ox.submit("progress", pack_args(3, 300), {});
  CHECK(eventually([&] { return job.progress().note == "1 of 3"; }));
  REQUIRE(job.outcome(scaled(kLifePatience)));
  CHECK(job.progress().done == 1);
  CHECK(job.progress().output == "step 1 took 300 ms\nstep 2 took 300 ms\nstep 3 took 300 ms\n");
}

TEST_CASE("a consumer that is drained by a command ends as by SIGTERM") {
  LifeYard ox;
  const auto job = ox.submit("sleep", pack_args(500), {});
  REQUIRE(ox.run("echo", pack_args(1), {}).state == JobState::succeeded);
  zebu::Params who;
  who.consumer = "consumer-0";
  const auto answer = ox.client->command("drain", who, scaled(kLifePatience));
  if (!answer) FAIL(answer.error().message);
  CHECK(ox.stack.consumer(0).wait_exit().code == 0);
  ox.stack.add_consumer();
  CHECK(job.outcome(scaled(kLifePatience)));
}
