#include "broker/server/inquiries.h"

#include "tests/support/catch.h"
#include "tests/support/engine_driver.h"

#include <nlohmann/json.hpp>

// What people ask and tell the broker, and when it is answered.
using namespace zebu;
using namespace zebu::broker;
using zebu::test::EngineDriver;

namespace {

using Json = nlohmann::json;

struct Desk {
  EngineDriver d;
  ServerFacts facts;
  Inquiries inquiries{d.engine(), facts};
  std::uint64_t number = 0;

  void ask(SessionId session, const std::string& what, const message::Params& params) {
    inquiries.query(session, {++number, what, params}, d.now(), d.effects);
  }
  void tell(SessionId session, const std::string& what, const message::Params& params) {
    inquiries.command(session, {++number, what, params}, d.now(), d.effects);
  }
  // Commits and reads, until nothing is left, and takes the answers.
  std::vector<Json> answers() {
    while (!d.effects.records.empty() || !d.effects.reads.empty()) {
      const auto records = std::exchange(d.effects.records, {});
      const auto reads = std::exchange(d.effects.reads, {});
      if (!records.empty()) {
        const BatchNumber batch = d.engine().seal();
        d.engine().committed(batch, *d.store.commit(records), d.now(), d.effects);
        inquiries.committed(batch, d.effects);
        d.effects.attached.clear();
      }
      for (const Read& read : reads) {
        const ReadAnswer answer = *perform(d.store, read);
        if (!inquiries.answered(answer, d.now(), d.effects)) d.engine().answered(answer, d.now(), d.effects);
      }
    }
    std::vector<Json> values;
    for (const auto& answer : inquiries.take()) values.push_back(Json::from_msgpack(answer.value));
    return values;
  }
};

message::Params state_params(JobState state) {
  message::Params params;
  params.state = state;
  return params;
}

bool is_refused(const Json& answer) {
  return answer.is_object() && answer.contains("error") && answer["error"]["code"] == "too_many_queries";
}

}  // namespace

TEST_CASE("who asks for too much before it was answered is refused, and others are not") {
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

TEST_CASE("who is gone is not answered") {
  Desk desk;
  const SessionId client = desk.d.client();
  desk.ask(client, "list", {});
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

TEST_CASE("a retry counts and names the jobs that are retried, and not those whose key another job has") {
  Desk desk;
  const SessionId client = desk.d.client();
  const SessionId consumer = desk.d.consumer(10, 10);
  std::vector<JobId> failed;
  for (const std::string key : {"", "k", "k"}) {
    JobOptions options;
    options.unique = key;
    failed.push_back(desk.d.submit(client, true, options));
    REQUIRE(desk.d.assigned_to(consumer).size() == 1);
    desk.d.fail(consumer, failed.back(), 1);
  }
  SECTION("by ids") {
    message::Params params;
    params.ids = failed;
    desk.tell(client, "retry", params);
    const auto answers = desk.answers();
    REQUIRE(answers.size() == 1);
    CHECK(answers[0]["retried"] == 2);
    REQUIRE(answers[0]["jobs"].size() == 2);
    CHECK(answers[0]["jobs"][0][0] == failed[0].to_string());
    CHECK(answers[0]["jobs"][1][0] == failed[1].to_string());
  }
  SECTION("by a filter") {
    message::Params params;
    params.queue = "default";
    desk.tell(client, "retry", params);
    const auto answers = desk.answers();
    REQUIRE(answers.size() == 1);
    CHECK(answers[0]["retried"] == 2);
  }
  CHECK(desk.d.engine().jobs().count(JobState::failed) == 1);
}
