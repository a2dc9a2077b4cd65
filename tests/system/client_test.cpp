#include "zebu/client.h"

#include "tests/support/catch.h"
#include "tests/support/client.h"
#include "tests/support/eventually.h"
#include "tests/support/stack.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <thread>

using namespace zebu;
using namespace zebu::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

StackOptions two_threads() {
  StackOptions options;
  options.consumer = {"--slots", "2", "--test-tasks", "--pool", "threads"};
  options.with_webfront = false;
  return options;
}

// A client that soon sees that its broker is gone.
std::unique_ptr<Client> attentive(const std::string& broker) {
  ClientOptions options;
  options.liveness = 500ms;
  return connected(broker, std::move(options));
}

}  // namespace

TEST_CASE("a typed job's result comes back as its type") {
  const Stack stack(two_threads());
  const auto client = attentive(stack.clients());
  const auto job = client->submit<std::uint64_t>("fib", 20);
  REQUIRE(job.accepted(5s));
  CHECK(job.result(5s).value() == 6765);
  CHECK(client->submit<std::string>("echo", "hello").result(5s).value() == "hello");
  CHECK(client->submit<std::string>("echo", 5).result(5s).error().code == ErrorCode::bad_value);
  CHECK(client->submit("echo", 5).result(5s));
}

TEST_CASE("a failed job is an error with the exception's type and message") {
  const Stack stack(two_threads());
  const auto client = attentive(stack.clients());
  const auto job = client->submit<int>("fail", "boom");
  const auto result = job.result(5s);
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::job_failed);
  CHECK(result.error().message == "std::runtime_error: boom");
  CHECK(job.outcome(5s).value().state == JobState::failed);
}

TEST_CASE("a wait whose timeout passed may be repeated") {
  const Stack stack(two_threads());
  const auto client = attentive(stack.clients());
  const auto job = client->submit<int>("sleep", 300);
  CHECK(job.result(1ms).error().code == ErrorCode::timed_out);
  CHECK(job.result(5s).value() == 300);
  CHECK(client->wait<int>(job.id()).result(5s).value() == 300);
}

TEST_CASE("a cancelled job is an error of its own") {
  const Stack stack(two_threads());
  const auto client = attentive(stack.clients());
  const auto job = client->submit<int>("sleep", 60'000);
  REQUIRE(job.accepted(5s));
  job.cancel();
  CHECK(job.result(5s).error().code == ErrorCode::job_cancelled);
}

TEST_CASE("map hands every outcome over once, with its index") {
  const Stack stack(two_threads());
  const auto client = attentive(stack.clients());
  std::vector<int> inputs(1'000);
  std::iota(inputs.begin(), inputs.end(), 0);
  std::vector<int> seen(inputs.size(), -1);
  const auto mapped = client->map("echo", inputs,
                                  [&](std::size_t index, const Result<Outcome>& outcome) {
                                    CHECK(seen[index] == -1);
                                    seen[index] = unpack_value<int>(result_of(outcome).value()).value();
                                  },
                                  {.window = 10, .timeout = 20s});
  REQUIRE(mapped);
  CHECK(seen == inputs);
}

TEST_CASE("many threads may share one client") {
  const Stack stack(two_threads());
  const auto client = attentive(stack.clients());
  std::atomic<int> right = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const auto result = client->submit<int>("echo", t * 1'000 + i).result(10s);
        if (result && *result == t * 1'000 + i) ++right;
      }
    });
  }
  threads.clear();
  CHECK(right == 800);
}

TEST_CASE("an unknown job is an error") {
  const Stack stack(two_threads());
  const auto client = attentive(stack.clients());
  CHECK(client->wait(Uuid::make()).outcome(5s).error().code == ErrorCode::unknown_job);
}

TEST_CASE("waits that are pending when the client is closed end with an error") {
  const Stack stack(two_threads());
  auto client = attentive(stack.clients());
  const auto job = client->submit<int>("sleep", 60'000);
  REQUIRE(job.accepted(5s));
  client.reset();
  CHECK(job.result(5s).error().code == ErrorCode::closed);
  job.cancel();  // does nothing, and does no harm
}

TEST_CASE("without a broker there is a clear error, and jobs go out when it comes") {
  Stack stack(two_threads());
  stack.kill_broker();
  const auto client = attentive(stack.clients());
  const auto away = client->wait_connected(50ms);
  REQUIRE_FALSE(away);
  CHECK(away.error().code == ErrorCode::disconnected);
  CHECK(client->query("broker", {}, 1s).error().code == ErrorCode::disconnected);
  const auto job = client->submit<std::uint64_t>("fib", 10);
  CHECK(job.accepted(50ms).error().code == ErrorCode::timed_out);
  stack.start_broker();
  CHECK(job.result(15s).value() == 55);
}

TEST_CASE("a transient job that a restarted broker has lost is an error and no endless wait") {
  Stack stack(two_threads());
  const auto client = attentive(stack.clients());
  JobRequest request{"sleep", pack_args(60'000), "nobody-serves-this", {}};
  request.options.transient = true;
  const auto job = client->submit(request);
  REQUIRE(job.accepted(5s));
  stack.restart_broker();
  CHECK(job.outcome(15s).error().code == ErrorCode::unknown_job);
}

TEST_CASE("a durable job is waited for over a restart of the broker") {
  Stack stack(two_threads());
  const auto client = attentive(stack.clients());
  const auto job = client->submit<int>("sleep", 300);
  REQUIRE(job.accepted(5s));
  stack.restart_broker();
  CHECK(job.result(30s).value() == 300);
}

TEST_CASE("a broker of the wrong port refuses the client for good") {
  const Stack stack(two_threads());
  const auto client = attentive(stack.consumers());
  CHECK(client->wait_connected(5s).error().code == ErrorCode::wrong_role);
  CHECK(client->submit("echo", 1).outcome(5s).error().code == ErrorCode::wrong_role);
}

TEST_CASE("equal calls with a unique key are one job") {
  const Stack stack(two_threads());
  const auto client = attentive(stack.clients());
  JobRequest request{"sleep", pack_args(400)};
  request.options.unique = unique_key_of(request.task, request.args);
  request.options.unique_for = 60s;
  const auto first = client->submit<int>(request);
  REQUIRE(first.accepted(5s));
  const auto second = client->submit<int>(request);
  REQUIRE(second.accepted(5s));
  CHECK(second.id() == first.id());
  CHECK(second.result(10s).value() == 400);
  CHECK(first.result(10s).value() == 400);
  const auto third = client->submit<int>(request);
  CHECK(third.result(10s).value() == 400);
  CHECK(third.id() == first.id());
}

TEST_CASE("a job's progress reaches who waits for it") {
  const Stack stack(two_threads());
  const auto client = attentive(stack.clients());
  const auto job = client->submit("deaf", 1'000);
  CHECK(eventually([&] { return job.progress().note == "deaf"; }));
  CHECK(job.result(10s));
}

TEST_CASE("a failing job's retries are used up, and its options are the submitter's") {
  const Stack stack(two_threads());
  const auto client = attentive(stack.clients());
  JobRequest request{"flaky", pack_args(2)};
  request.options.retry = {.max = 2, .delay = 10ms};
  CHECK(client->submit(request).result(10s));
  request.options.retry.max = 1;
  CHECK(client->submit(request).result(10s).error().code == ErrorCode::job_failed);
}

TEST_CASE("a paused queue runs nothing until it is resumed") {
  const Stack stack(two_threads());
  const auto client = attentive(stack.clients());
  REQUIRE(client->submit<int>("echo", 1).result(5s));
  REQUIRE(client->command("pause", {.queue = "default", .reason = "lunch"}, 5s));
  const auto job = client->submit<int>("echo", 2);
  REQUIRE(job.accepted(5s));
  CHECK(job.result(100ms).error().code == ErrorCode::timed_out);
  REQUIRE(client->command("resume", {.queue = "default"}, 5s));
  CHECK(job.result(5s).value() == 2);
  CHECK_FALSE(client->command("drain", {.consumer = "nobody"}, 5s));
  CHECK_FALSE(client->command("dance", {}, 5s));
}

TEST_CASE("a list goes through all jobs page by page") {
  const Stack stack(two_threads());
  const auto client = attentive(stack.clients());
  for (int i = 0; i < 5; ++i) REQUIRE(client->submit<int>("echo", i).result(5s));
  std::size_t seen = 0;
  std::string after;
  do {
    const auto answer = client->query("list", {.state = JobState::succeeded, .after = after, .limit = 2}, 5s);
    REQUIRE(answer);
    const Json page = Json::from_msgpack(*answer);
    seen += page["jobs"].size();
    CHECK(page["jobs"].size() <= 2);
    after = page["next"].is_null() ? "" : page["next"].get<std::string>();
  } while (!after.empty());
  CHECK(seen == 5);
}
