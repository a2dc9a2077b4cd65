#include "zebu/client.h"

#include "tests/support/catch.h"
#include "tests/support/client.h"
#include "tests/support/fake_broker.h"
#include "tests/support/samples.h"

#include <future>

using namespace zebu;
using namespace zebu::test;
using namespace std::chrono_literals;

namespace {

struct Pair {
  Pair() {
    broker.welcome();
    if (!client->wait_connected(scaled(5s))) throw std::runtime_error("the client is not connected");
  }

  // Of a job with a unique key that the broker gives another one's: its id.
  JobId attach(const JobId& to) {
    const JobId id = broker.hear_submit();
    broker.say(message::Attached{{{id, to}}});
    return id;
  }
  void succeed(const JobId& id, Bytes result = "\x07") {
    broker.say(message::Done{{{id, 1, JobState::succeeded, result, {}, 1ms}}});
  }

  FakeBroker broker;
  std::unique_ptr<Client> client = connected(broker.endpoint());
};

const JobId kFirst = id_of(0x77);

}  // namespace

TEST_CASE("a job that is attached to another one gets that one's id and outcome") {
  Pair pair;
  const auto job = pair.client->submit<int>("fib", 1);
  const JobId submitted = pair.attach(kFirst);
  REQUIRE(job.accepted(5s));
  CHECK(job.id() == kFirst);
  CHECK(submitted != kFirst);
  pair.succeed(kFirst);
  CHECK(job.result(5s).value() == 7);
}

TEST_CASE("several submitters may share one job, also with who waited for it before") {
  Pair pair;
  const auto waiter = pair.client->wait<int>(kFirst);
  CHECK(pair.broker.hears_about<message::Wait>(kFirst));
  const auto second = pair.client->submit<int>("fib", 1);
  pair.attach(kFirst);
  const auto third = pair.client->submit<int>("fib", 1);
  pair.attach(kFirst);
  REQUIRE(third.accepted(5s));
  pair.succeed(kFirst);
  CHECK(waiter.result(5s).value() == 7);
  CHECK(second.result(5s).value() == 7);
  CHECK(third.result(5s).value() == 7);
}

TEST_CASE("after a reconnection it is the other job that is waited for") {
  Pair pair;
  const auto job = pair.client->submit<int>("fib", 1);
  pair.attach(kFirst);
  REQUIRE(job.accepted(5s));
  CHECK(pair.broker.hears_about<message::Wait>(kFirst));  // a LEAVE of ours may have crossed the ATTACHED
  pair.broker.break_session();
  CHECK(pair.broker.hears_about<message::Wait>(kFirst));
  pair.succeed(kFirst);
  CHECK(job.result(5s).value() == 7);
}

TEST_CASE("a job that is shared is cancelled by the other one's id") {
  Pair pair;
  const auto job = pair.client->submit<int>("fib", 1);
  const JobId submitted = pair.attach(kFirst);
  REQUIRE(job.accepted(5s));
  CHECK(pair.broker.hears_about<message::Wait>(kFirst));
  job.cancel();
  CHECK(pair.broker.hears_about<message::Cancel>(kFirst));
  pair.client->cancel(submitted);
  CHECK(pair.broker.hears_about<message::Cancel>(kFirst));
}

TEST_CASE("a DONE alone answers a SUBMIT, and makes room for another") {
  Pair pair;
  const auto first = pair.client->submit<int>("fib", 1);
  const JobId id = pair.broker.hear_submit();
  std::vector<Job<int>> more;
  for (int i = 0; i < 100; ++i) more.push_back(pair.client->submit<int>("fib", i));  // the broker granted 100
  std::size_t heard = 0;
  while (heard < 99) heard += pair.broker.hear_a<message::Submit>()->as<message::Submit>().jobs.size();
  CHECK(heard == 99);
  pair.succeed(id);
  CHECK(pair.broker.hear_a<message::Submit>()->as<message::Submit>().jobs.size() == 1);
  CHECK(first.accepted(5s));
  CHECK(first.result(5s).value() == 7);
}

TEST_CASE(
    "a job that is cancelled before it was sent ends in the client, and CANCEL is sent in case the broker knows the "
    "id") {
  Pair pair;
  std::vector<Job<int>> others;
  for (int i = 0; i < 100; ++i) others.push_back(pair.client->submit<int>("fib", i));  // the broker granted 100
  std::vector<JobId> sent;
  while (sent.size() < 100) {
    const auto heard = pair.broker.hear_a<message::Submit>();
    for (const auto& job : heard->as<message::Submit>().jobs) sent.push_back(job.id);
  }
  std::promise<Result<Outcome>> outcome;
  pair.client->submit(kFirst, {"fib", pack_args(1), "default", {}},
                      [&](const Result<Outcome>& each) { outcome.set_value(each); });
  pair.client->cancel(kFirst);
  CHECK(pair.broker.hears_about<message::Cancel>(kFirst));
  auto ended = outcome.get_future();
  REQUIRE(ended.wait_for(scaled(5s)) == std::future_status::ready);
  CHECK(ended.get().value().state == JobState::cancelled);
  pair.succeed(sent.front());
  const auto next = pair.client->submit<int>("fib", 1);
  CHECK(pair.broker.hear_submit() == next.id());
}

TEST_CASE("a job that is submitted after a wait and a cancel is reported as cancelled") {
  Pair pair;
  std::promise<Result<Outcome>> outcome;
  const auto waiter = pair.client->wait<int>(kFirst);
  CHECK(pair.broker.hears_about<message::Wait>(kFirst));
  waiter.cancel();
  CHECK(pair.broker.hears_about<message::Cancel>(kFirst));
  pair.client->submit(kFirst, {"fib", pack_args(1), "default", {}},
                      [&](const Result<Outcome>& each) { outcome.set_value(each); });
  auto ended = outcome.get_future();
  REQUIRE(ended.wait_for(scaled(5s)) == std::future_status::ready);
  CHECK(ended.get().value().state == JobState::cancelled);
  CHECK(waiter.result(5s).error().code == ErrorCode::job_cancelled);
}

TEST_CASE("a cancel that a broken connection swallowed is said again") {
  Pair pair;
  const auto job = pair.client->submit<int>("sleep", 1);
  const JobId id = pair.broker.hear_submit();
  pair.broker.say(message::Accepted{{id}});
  REQUIRE(job.accepted(5s));
  job.cancel();
  CHECK(pair.broker.hears_about<message::Cancel>(id));
  pair.broker.break_session();
  CHECK(pair.broker.hears_about<message::Wait>(id));
  CHECK(pair.broker.hears_about<message::Cancel>(id));
  pair.broker.say(message::Done{{{id, 1, JobState::cancelled, {}, {}, 0ms}}});
  CHECK(job.result(5s).error().code == ErrorCode::job_cancelled);
  pair.broker.break_session();
  const auto next = pair.client->submit("fib", 1);
  pair.broker.hear_submit();  // and no CANCEL before it, since the job has ended
}

TEST_CASE("a cancel of a job that was not accepted yet follows its second SUBMIT") {
  Pair pair;
  const auto job = pair.client->submit<int>("sleep", 1);
  const JobId id = pair.broker.hear_submit();
  job.cancel();
  CHECK(pair.broker.hears_about<message::Cancel>(id));
  pair.broker.break_session();
  CHECK(pair.broker.hear_submit() == id);
  CHECK(pair.broker.hears_about<message::Cancel>(id));
}

TEST_CASE("a cancel of a job that nobody waits for is repeated soon after") {
  Pair pair;
  pair.client->cancel(kFirst);
  CHECK(pair.broker.hears_about<message::Cancel>(kFirst));
  pair.broker.break_session();
  CHECK(pair.broker.hears_about<message::Cancel>(kFirst));
}

TEST_CASE("progress adds up within an attempt and starts anew with the next") {
  Pair pair;
  const auto job = pair.client->submit<int>("slow", 1);
  const JobId id = pair.broker.hear_submit();
  pair.broker.say(message::Accepted{{id}});
  pair.broker.say(message::ProgressReports{{{id, 1, 0.25, "first half", "a\n", 0, 1}}});
  pair.broker.say(message::ProgressReports{{{id, 1, 0.5, "", "b\n", 2, 2}}});
  REQUIRE(eventually([&] { return job.progress() == Progress{0.5, "first half", "a\nb\n", 0, 2}; }));
  // One that comes again says nothing new; behind a gap the output begins anew.
  pair.broker.say(message::ProgressReports{{{id, 1, 0.25, "first half", "a\n", 0, 1}}});
  pair.broker.say(message::ProgressReports{{{id, 1, std::nullopt, "", "z\n", 100, 9}}});
  REQUIRE(eventually([&] { return job.progress() == Progress{0.5, "first half", "z\n", 100, 9}; }));
  pair.broker.say(message::ProgressReports{{{id, 2, std::nullopt, "again", ""}}});
  CHECK(eventually([&] { return job.progress() == Progress{std::nullopt, "again", ""}; }));
}

TEST_CASE("a wait with a callback reports progress by a callback") {
  Pair pair;
  std::promise<Progress> heard;
  const JobId id = pair.client->submit(
      JobRequest{"slow", pack_args(1)}, [](const Result<Outcome>&) {},
      [&](std::uint32_t, const Progress& progress) { heard.set_value(progress); });
  CHECK(pair.broker.hear_submit() == id);
  pair.broker.say(message::ProgressReports{{{id, 1, 0.25, "here", "x"}}});
  auto progress = heard.get_future();
  REQUIRE(progress.wait_for(scaled(5s)) == std::future_status::ready);
  CHECK(progress.get() == Progress{0.25, "here", "x"});
}

TEST_CASE("a command's answer comes back, and its refusal as an error") {
  Pair pair;
  const auto asked = [&](const std::string& answer) {
    auto result = std::async(std::launch::async, [&] {
      return pair.client->command("purge", {.queue = "default", .state = JobState::queued}, 5s);
    });
    const auto heard = pair.broker.hear_a<message::Command>();
    const auto& command = heard->as<message::Command>();
    CHECK(command.what == "purge");
    CHECK(command.params.queue == "default");
    CHECK(command.params.state == JobState::queued);
    pair.broker.say(message::Answer{command.number, answer});
    return result.get();
  };
  CHECK(asked("\x81\xa6purged\x03").value() == "\x81\xa6purged\x03");
  const auto refused = asked(
      "\x81\xa5"
      "error\x82\xa4"
      "code\xad"
      "unknown_queue\xa7message\xa5"
      "no 'x");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::unknown_queue);
  CHECK(refused.error().message == "no 'x");
  CHECK(asked("\xc0").error().code == ErrorCode::bad_message);
}

TEST_CASE("a list is asked for with its filter") {
  Pair pair;
  auto result = std::async(std::launch::async, [&] {
    return pair.client->query("list", {.task = "fib", .state = JobState::failed, .after = "p", .limit = 7}, 5s);
  });
  const auto heard = pair.broker.hear_a<message::Query>();
  const auto& params = heard->as<message::Query>().params;
  CHECK(params.task == "fib");
  CHECK(params.state == JobState::failed);
  CHECK(params.after == "p");
  CHECK(params.limit == 7);
  pair.broker.say(message::Answer{heard->as<message::Query>().number, Bytes("\x80", 1)});
  CHECK(result.get().value() == "\x80");
}

TEST_CASE("bad options are refused before they are sent") {
  Pair pair;
  JobRequest request{"fib", pack_args(1)};
  request.options.priority = 10;
  const auto job = pair.client->submit<int>(request);
  CHECK(job.accepted(5s).error().code == ErrorCode::bad_job);
  CHECK(job.result(5s).error().message == "the priority must be from 0 to 9");
}

TEST_CASE("an expired job is an error of its own") {
  Pair pair;
  const auto job = pair.client->submit<int>("fib", 1);
  const JobId id = pair.broker.hear_submit();
  pair.broker.say(message::Done{{{id, 0, JobState::expired, {}, {}, 0ms}}});
  CHECK(job.result(5s).error().code == ErrorCode::job_expired);
}
