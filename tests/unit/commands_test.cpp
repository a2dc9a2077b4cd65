#include "broker/server/commands.h"

#include "tests/support/catch.h"
#include "tests/support/desk.h"

// What people tell the broker, and when it is answered.
namespace zebu::broker {

using zebu::test::Desk;

namespace {

using Json = nlohmann::json;

message::Params of_queue(std::string_view queue) {
  message::Params params;
  params.queue = queue;
  return params;
}

Json refused(std::string_view code, std::string_view message) {
  return {{"error", {{"code", code}, {"message", message}}}};
}

}  // namespace

TEST_CASE("a retry counts and names the jobs that are retried, and not those whose key another job has") {
  Desk desk;
  const SessionId client = desk.d.client();
  const SessionId consumer = desk.d.consumer(10, 10);
  std::vector<JobId> failed;
  for (const std::string key : {"", "k", "k"}) {
    JobOptions options;
    options.unique = key;
    failed.push_back(desk.failed(client, consumer, options));
  }
  SECTION("by ids") {
    message::Params params;
    params.ids = failed;
    desk.tell(client, "retry", params);
    const Json answer = desk.answer();
    CHECK(answer["retried"] == 2);
    REQUIRE(answer["jobs"].size() == 2);
    CHECK(answer["jobs"][0][0] == failed[0].to_string());
    CHECK(answer["jobs"][1][0] == failed[1].to_string());
  }
  SECTION("by a filter") {
    desk.tell(client, "retry", of_queue("default"));
    CHECK(desk.answer() == Json{{"retried", 2}});
  }
  CHECK(desk.d.engine().jobs().count(JobState::failed) == 1);
}

TEST_CASE("a retry is answered with the commit that holds it, and not before") {
  Desk desk;
  const SessionId client = desk.d.client();
  const SessionId consumer = desk.d.consumer(10, 10);
  desk.failed(client, consumer);
  desk.tell(client, "retry");
  CHECK(desk.pending.take().empty());
  desk.commit();  // the store is asked
  CHECK(desk.pending.take().empty());
  CHECK(desk.d.effects.records.size() == 2);
  desk.commit();
  CHECK(desk.pending.take().size() == 1);
}

TEST_CASE("of more failed jobs than a page has, all are retried, or purged") {
  Desk desk;
  const SessionId client = desk.d.client();
  const SessionId consumer = desk.d.consumer(10, 10);
  const std::size_t count = kMaxPage + 5;
  for (std::size_t i = 0; i < count; ++i) {
    desk.failed(client, consumer);
    desk.d.engine().credit(consumer, 1, desk.d.effects);
  }
  SECTION("retried") {
    desk.tell(client, "retry");
    CHECK(desk.answer() == Json{{"retried", count}});
    CHECK(desk.d.engine().jobs().count(JobState::queued) == count);
  }
  SECTION("purged") {
    message::Params params = of_queue("default");
    params.state = JobState::failed;
    desk.tell(client, "purge", params);
    CHECK(desk.answer() == Json{{"purged", count}});
  }
  CHECK(desk.d.engine().jobs().count(JobState::failed) == 0);
}

TEST_CASE("a retry of a client that is gone goes on") {
  Desk desk;
  const SessionId client = desk.d.client();
  const SessionId consumer = desk.d.consumer(10, 10);
  desk.failed(client, consumer);
  desk.tell(client, "retry");
  desk.d.engine().bye(client, desk.d.effects);
  CHECK(desk.answers().empty());
  CHECK(desk.d.engine().jobs().count(JobState::queued) == 1);
}

TEST_CASE("a retry by a filter that asks for too much is refused, and later ones are not") {
  Desk desk;
  const SessionId client = desk.d.client();
  for (int i = 0; i < 11; ++i) desk.tell(client, "retry");
  const auto answers = desk.answers();
  REQUIRE(answers.size() == 11);
  CHECK(std::count_if(answers.begin(), answers.end(), [](const Json& answer) { return answer.contains("error"); }) ==
        1);
  desk.tell(client, "retry");
  CHECK(desk.answer() == Json{{"retried", 0}});
}

TEST_CASE("pause, resume and purge are answered with how much they did") {
  Desk desk;
  const SessionId client = desk.d.client();
  desk.d.submit(client);
  message::Params params = of_queue("default");
  params.reason = "lunch";
  desk.tell(client, "pause", params);
  CHECK(desk.pending.take().front().batch == desk.d.engine().open_batch());
  CHECK(desk.d.engine().jobs().queues().find("default")->second->settings.reason == "lunch");
  desk.tell(client, "resume", of_queue("default"));
  CHECK(desk.answer() == Json{{"resumed", 1}});
  desk.tell(client, "resume", of_queue("default"));
  CHECK(desk.answer() == Json{{"resumed", 0}});
  desk.tell(client, "purge", of_queue("default"));
  CHECK(desk.answer() == Json{{"purged", 1}});
}

TEST_CASE("drain tells the consumers of a name, and refuses a name that no consumer has") {
  Desk desk;
  const SessionId client = desk.d.client();
  const SessionId consumer = desk.d.consumer(1);
  message::Params params;
  params.consumer = "consumer";
  desk.tell(client, "drain", params);
  CHECK(desk.answer() == Json{{"drained", 1}});
  CHECK(desk.d.effects.draining == std::vector<SessionId>{consumer});
  params.consumer = "nobody";
  desk.tell(client, "drain", params);
  CHECK(desk.answer() == refused("unknown_consumer", "no consumer with the name or instance 'nobody' is connected"));
}

TEST_CASE("a command that is not known is refused by name, and told which there are") {
  Desk desk;
  const SessionId client = desk.d.client();
  desk.tell(client, "explode");
  CHECK(desk.answer() ==
        refused("bad_request", "unknown command 'explode': there are pause, resume, purge, retry and drain"));
}

TEST_CASE("a command is refused with wrong params, in words, and changes nothing") {
  Desk desk;
  const SessionId client = desk.d.client();
  const auto told = [&](const std::string& what, const message::Params& params) {
    desk.tell(client, what, params);
    const Json answer = desk.answer();
    CHECK(answer["error"]["code"] == "bad_request");
    return answer["error"]["message"].get<std::string>();
  };
  CHECK(told("pause", {}) == "pause needs the parameter queue");
  CHECK(told("drain", {}) == "drain needs the parameter consumer");
  message::Params params = of_queue("default");
  params.task = "fib";
  CHECK(told("pause", params) == "pause does not take task: it takes queue and reason");
  CHECK(told("resume", params) == "resume does not take task: it takes queue");
  params.ids = {Uuid::make()};
  CHECK(told("retry", params) == "retry takes ids, or a queue and a task, but not both");
  params = {};
  params.ids.assign(1001, Uuid::make());
  CHECK(told("retry", params) == "retry takes at most 1000 ids, not 1001");
  params = of_queue("default");
  params.state = JobState::running;
  CHECK(told("purge", params) == "purge takes the state queued or failed, not running");
  desk.tell(client, "purge", of_queue("nosuch"));
  CHECK(desk.answer() == refused("unknown_queue", "there is no queue 'nosuch'"));
  CHECK(desk.d.effects.records.empty());
  CHECK(desk.d.engine().jobs().queues().empty());
}

TEST_CASE("a long command says once a second how far it has come, and then answers") {
  Desk desk;
  const SessionId client = desk.d.client();
  const SessionId consumer = desk.d.consumer(1, 1);
  constexpr int kFailed = 2100;
  for (int i = 0; i < kFailed; ++i) {
    desk.failed(client, consumer);
    desk.d.engine().credit(consumer, 1, desk.d.effects);
    desk.d.take();
  }
  message::Params params = of_queue("default");
  params.state = JobState::failed;
  desk.tell(client, "purge", params);
  std::vector<PendingAnswers::Answer> answers;
  for (int page = 0; page < 5; ++page) {
    desk.d.pass(std::chrono::seconds(1));
    desk.commit();
    for (auto& answer : desk.pending.take()) answers.push_back(std::move(answer));
  }
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].more);
  CHECK(Json::from_msgpack(answers[0].value) == Json{{"purged", 2000}});
  CHECK_FALSE(answers[1].more);
  CHECK(Json::from_msgpack(answers[1].value) == Json{{"purged", kFailed}});
}

}  // namespace zebu::broker
