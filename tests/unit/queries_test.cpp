#include "broker/server/queries.h"

#include "tests/support/catch.h"
#include "tests/support/desk.h"

// What people ask the broker, and when it is answered.
using namespace zebu;
using namespace zebu::broker;
using zebu::test::Desk;

namespace {

using Json = nlohmann::json;

message::Params state_params(JobState state) {
  message::Params params;
  params.state = state;
  return params;
}

bool is_refused(const Json& answer) {
  return answer.is_object() && answer.contains("error") && answer["error"]["code"] == "too_many_queries";
}

// Why a query is refused.
std::string error_of(Desk& desk, SessionId client, const std::string& what, const message::Params& params = {}) {
  desk.ask(client, what, params);
  const Json answer = desk.answer();
  CHECK(answer["error"]["code"] == "bad_request");
  return answer["error"]["message"];
}

}  // namespace

TEST_CASE("a session that asks for too much before it is answered is refused, and others are not") {
  Desk desk;
  const SessionId client = desk.d.client();
  const SessionId other = desk.d.client();
  message::Params page;
  page.limit = 1000;
  for (int i = 0; i < 15; ++i) desk.ask(client, "list", page);
  desk.ask(other, "list", page);
  std::vector<Json> answers = desk.answers();
  REQUIRE(answers.size() == 16);
  CHECK(std::count_if(answers.begin(), answers.end(), is_refused) == 5);
  desk.ask(client, "list", page);
  answers = desk.answers();
  REQUIRE(answers.size() == 1);
  CHECK_FALSE(is_refused(answers[0]));
}

TEST_CASE("a session that has ended is not answered") {
  Desk desk;
  const SessionId client = desk.d.client();
  desk.ask(client, "list");
  desk.d.engine().bye(client, desk.d.effects);
  CHECK(desk.answers().empty());
}

TEST_CASE("a list by state has the jobs that are in it now") {
  Desk desk;
  const SessionId client = desk.d.client();
  const SessionId consumer = desk.d.consumer(1);
  const JobId runs = desk.d.submit(client);
  const JobId waits = desk.d.submit(client);
  REQUIRE(desk.d.assigned_to(consumer).size() == 1);  // its start is not recorded yet
  const auto listed = [&](JobState state) {
    desk.ask(client, "list", state_params(state));
    std::vector<std::string> ids;
    for (const Json& answer : desk.answers()) {
      for (const Json& job : answer["jobs"]) {
        CHECK(job["state"] == to_string(state));
        ids.push_back(job["id"]);
      }
    }
    return ids;
  };
  CHECK(listed(JobState::running) == std::vector<std::string>{runs.to_string()});
  CHECK(listed(JobState::queued) == std::vector<std::string>{waits.to_string()});
  CHECK(listed(JobState::succeeded).empty());
  desk.d.outcome(consumer, runs, 1);
  CHECK(listed(JobState::running).empty());
  CHECK(listed(JobState::succeeded) == std::vector<std::string>{runs.to_string()});
}

TEST_CASE("jobs are told by the order of their ids, from memory or the store, with what is unknown") {
  Desk desk;
  const SessionId client = desk.d.client();
  const SessionId consumer = desk.d.consumer(10, 10);
  JobOptions options;
  options.priority = 7;
  options.unique = "k";
  options.headers = {{"traceparent", "00-1"}};
  const JobId done = desk.d.submit(client, true, options);
  desk.d.assigned_to(consumer);
  desk.d.outcome(consumer, done, 1);
  const JobId failed = desk.failed(client, consumer);
  const JobId waits = desk.d.submit(client, true, {}, "other");
  message::Params params;
  params.ids = {waits, Uuid::make(), failed, done};
  desk.ask(client, "jobs", params);
  const Json jobs = desk.answer();
  REQUIRE(jobs.size() == 4);
  CHECK(jobs[0]["id"] == waits.to_string());
  CHECK(jobs[0]["queue"] == "other");
  CHECK(jobs[0]["state"] == "queued");
  CHECK(jobs[0]["attempt"] == 0);
  CHECK(jobs[0]["unique"].is_null());
  CHECK(jobs[0]["consumer"].is_null());
  CHECK(jobs[0]["started_ms"].is_null());
  CHECK(jobs[0]["run_us"].is_null());
  CHECK(jobs[0]["headers"] == Json::object());
  CHECK_FALSE(jobs[0].contains("result"));
  CHECK(jobs[1].is_null());
  CHECK(jobs[2]["state"] == "failed");
  CHECK(jobs[2]["failures"] == 1);
  CHECK(jobs[2]["error"] == Json{{"type", "Boom"}, {"message", "it broke"}, {"trace", Json::array()}});
  CHECK(jobs[3]["state"] == "succeeded");
  CHECK(jobs[3]["priority"] == 7);
  CHECK(jobs[3]["unique"] == "k");
  CHECK(jobs[3]["headers"] == Json{{"traceparent", "00-1"}});
  CHECK(jobs[3]["run_us"] == 5);
  CHECK(jobs[3]["result"] == Json::binary({8}));
  CHECK(jobs[3]["finished_ms"].is_number());
}

TEST_CASE("queues, consumers and the broker are told with every key of the document") {
  Desk desk;
  const SessionId client = desk.d.client();
  desk.d.consumer(3, 2);
  desk.d.submit(client, true, {}, "other");
  desk.ask(client, "queues");
  const Json queues = desk.answer();
  REQUIRE(queues.size() == 2);
  CHECK(queues[1] == Json{{"name", "other"},
                          {"queued", 1},
                          {"scheduled", 0},
                          {"running", 0},
                          {"failed", 0},
                          {"queued_bytes", queues[1]["queued_bytes"]},
                          {"oldest_ms", 0},
                          {"paused", false},
                          {"reason", ""},
                          {"in_rate", 0.0},
                          {"out_rate", 0.0},
                          {"consumers", 0},
                          {"unserved_tasks", {"fib"}}});
  CHECK(queues[0]["oldest_ms"].is_null());
  desk.ask(client, "consumers");
  const Json consumers = desk.answer();
  REQUIRE(consumers.size() == 1);
  CHECK(consumers[0] == Json{{"name", "consumer"},
                             {"instance", consumers[0]["instance"]},
                             {"queues", {"default"}},
                             {"tasks", {"fib"}},
                             {"slots", 2},
                             {"pool", "processes"},
                             {"running", 0},
                             {"credit", 3},
                             {"draining", false},
                             {"heard_ms", consumers[0]["heard_ms"]}});
  desk.facts.errors = 4;
  desk.ask(client, "broker");
  const Json broker = desk.answer();
  CHECK(broker["clients"] == 1);
  CHECK(broker["consumers"] == 1);
  CHECK(broker["jobs"]["queued"] == 1);
  CHECK(broker["jobs"].size() == kJobStates);
  CHECK(broker["totals"]["accepted"] == 1);
  CHECK(broker["totals"]["errors"] == 4);
  CHECK(broker.size() == 9);
}

TEST_CASE("a query that is not known is refused by name, and told which there are") {
  Desk desk;
  const SessionId client = desk.d.client();
  CHECK(error_of(desk, client, "weather") ==
        "unknown query 'weather': there are jobs, list, queues, consumers and broker");
}

TEST_CASE("a query is refused with params that it does not take, and told which it takes") {
  Desk desk;
  const SessionId client = desk.d.client();
  CHECK(error_of(desk, client, "broker", state_params(JobState::failed)) ==
        "broker does not take state: it takes no parameters");
  message::Params params;
  params.queue = "default";
  CHECK(error_of(desk, client, "jobs", params) == "jobs does not take queue: it takes ids");
  params = {};
  params.ids.assign(1001, Uuid::make());
  CHECK(error_of(desk, client, "jobs", params) == "jobs takes at most 1000 ids, not 1001");
  CHECK(error_of(desk, client, "list", params) ==
        "list does not take ids: it takes queue, task, state, after and limit");
  params = {};
  params.limit = 1001;
  CHECK(error_of(desk, client, "list", params) == "list takes a limit of at most 1000, not 1001");
}
