#include "tests/support/catch.h"
#include "tests/support/client.h"
#include "tests/support/fake_broker.h"
#include "zebu/client.h"

#include <future>

using namespace zebu;
using namespace zebu::test;
using namespace std::chrono_literals;

namespace {

ClientOptions at_most(std::size_t jobs, WhenFull when_full = WhenFull::fail) {
  ClientOptions options;
  options.max_unanswered_jobs = jobs;
  options.when_full = when_full;
  return options;
}

JobRequest request(std::size_t bytes = 1) { return {"fib", pack_args(std::string(bytes, 'x'))}; }

}  // namespace

TEST_CASE("while the broker is away a client takes as many submissions as its limit, and refuses the others at once") {
  FakeBroker broker;
  const auto client = connected(broker.endpoint(), at_most(3));
  std::vector<Job<>> jobs;
  for (int i = 0; i < 5; ++i) jobs.push_back(client->submit(request()));
  for (const std::size_t refused : {3U, 4U}) {
    const auto accepted = jobs[refused].accepted(0ms);
    REQUIRE_FALSE(accepted);
    CHECK(accepted.error().code == ErrorCode::client_full);
    CHECK(accepted.error().message.find("has not answered 3 submissions") != std::string::npos);
    CHECK(jobs[refused].outcome(0ms).error().code == ErrorCode::client_full);
  }
  broker.welcome();
  // The first three arrive, and make room.
  std::vector<JobId> heard;
  while (heard.size() < 3) {
    const auto submit = broker.hear_a<message::Submit>();
    for (const auto& job : submit->as<message::Submit>().jobs) heard.push_back(job.id);
  }
  broker.say(message::Accepted{heard});
  REQUIRE(jobs[2].accepted(scaled(5s)));
  const auto later = client->submit(request());
  CHECK(broker.hear_submit() == later.id());
}

TEST_CASE("a client counts the bytes of what it has submitted") {
  FakeBroker broker;
  ClientOptions options;
  options.max_unanswered_bytes = 10'000;
  const auto client = connected(broker.endpoint(), options);
  const auto first = client->submit(request(6'000));
  const auto second = client->submit(request(6'000));  // the last one may pass the limit
  const auto third = client->submit(request(6'000));
  CHECK(third.accepted(0ms).error().code == ErrorCode::client_full);
  CHECK(first.accepted(0ms).error().code == ErrorCode::timed_out);
  CHECK(second.accepted(0ms).error().code == ErrorCode::timed_out);
}

TEST_CASE("a client that is to wait submits when the broker has answered earlier jobs") {
  FakeBroker broker;
  const auto client = connected(broker.endpoint(), at_most(1, WhenFull::wait));
  broker.welcome();
  const auto first = client->submit(request());
  auto second = std::async(std::launch::async, [&] { return client->submit(request()); });
  CHECK(broker.hear_submit() == first.id());
  CHECK(second.wait_for(0s) == std::future_status::timeout);
  broker.say(message::Accepted{{first.id()}});
  const JobId heard = broker.hear_submit();
  CHECK(heard == second.get().id());
}

TEST_CASE("a callback in the client's thread never waits for room") {
  FakeBroker broker;
  const auto client = connected(broker.endpoint(), at_most(2, WhenFull::wait));
  broker.welcome();
  std::promise<Result<Outcome>> third;
  client->submit(request(), [&](const Result<Outcome>&) {
    client->submit(request(), nullptr);
    client->submit(request(), [&](const Result<Outcome>& outcome) { third.set_value(outcome); });
  });
  const JobId first = broker.hear_submit();
  const auto second = client->submit(request());
  CHECK(broker.hear_submit() == second.id());
  broker.say(message::Done{{{first, 1, JobState::succeeded, "\x07", {}, 1ms}}});
  const auto outcome = third.get_future().get();
  CHECK(outcome.error().code == ErrorCode::client_full);
}

TEST_CASE("map waits for room, whatever its window") {
  FakeBroker broker;
  const auto client = connected(broker.endpoint(), at_most(2));
  broker.welcome();
  int given = 0;
  std::size_t done = 0;
  auto mapped = std::async(std::launch::async, [&] {
    return client->map([&] { return ++given <= 20 ? std::optional(request()) : std::nullopt; },
                       [&](std::size_t, const Result<Outcome>& outcome) { done += outcome ? 1U : 0U; }, 10);
  });
  for (int heard = 0; heard < 20;) {
    const auto submit = broker.hear_a<message::Submit>();
    for (const auto& job : submit->as<message::Submit>().jobs) {
      broker.say(message::Done{{{job.id, 1, JobState::succeeded, "\x07", {}, 1ms}}});
      ++heard;
    }
  }
  CHECK(mapped.get());
  CHECK(done == 20);
}

TEST_CASE("map ends at its timeout also while it waits for room") {
  FakeBroker broker;
  const auto client = connected(broker.endpoint(), at_most(1));
  const auto mapped =
      client->map([] { return std::optional(request()); }, [](std::size_t, const Result<Outcome>&) {}, 10, 50ms);
  REQUIRE_FALSE(mapped);
  CHECK(mapped.error().code == ErrorCode::timed_out);
}
