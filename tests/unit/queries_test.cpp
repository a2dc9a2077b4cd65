#include "broker/server/queries.h"

#include "tests/support/catch.h"
#include "tests/support/desk.h"

// What people ask the broker, and when it is answered.
namespace zebu::broker {

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

namespace {

Json job_of(Desk& desk, SessionId client, const JobId& id) {
  message::Params params;
  params.ids = {id};
  desk.ask(client, "jobs", params);
  return desk.answer()[0];
}

JobId submit_with(Desk& desk, SessionId client, JobOptions options, const std::string& args,
                  const std::string& kwargs) {
  const JobId id = Uuid::make();
  desk.d.engine().submit(client, {true, {{id, "fib", "default", args, std::move(options), kwargs}}}, desk.d.now(),
                         desk.d.effects);
  desk.d.settle();
  return id;
}

}  // namespace

TEST_CASE("a job is told with its arguments, and a list without") {
  Desk desk;
  const SessionId client = desk.d.client();
  const JobId id = submit_with(desk, client, {}, "\x91\x1e", "\x81\xa1n\x05");
  Json job = job_of(desk, client, id);
  CHECK(job["args"] == Json::binary({0x91, 0x1e}));
  CHECK(job["kwargs"] == Json::binary({0x81, 0xa1, 'n', 5}));
  CHECK_FALSE(job.contains("args_bytes"));
  desk.ask(client, "list");
  job = desk.answer()["jobs"][0];
  for (const char* key : {"args", "kwargs", "args_bytes", "attempts", "result"}) CHECK_FALSE(job.contains(key));

  const JobId plain = submit_with(desk, client, {}, "\x90", "");
  CHECK_FALSE(job_of(desk, client, plain).contains("kwargs"));
  const std::string most(kMaxShownArguments, 'x');
  CHECK(job_of(desk, client, submit_with(desk, client, {}, most, "")).contains("args"));
  job = job_of(desk, client, submit_with(desk, client, {}, most, "\x81\xa1n\x05"));
  CHECK_FALSE(job.contains("args"));
  CHECK_FALSE(job.contains("kwargs"));
  CHECK(job["args_bytes"] == kMaxShownArguments + 4);
}

TEST_CASE("many jobs with large arguments are not told at once") {
  Desk desk;
  const SessionId client = desk.d.client();
  message::Params params;
  const std::string most(kMaxShownArguments, 'x');
  for (int i = 0; i < 300; ++i) params.ids.push_back(submit_with(desk, client, {}, most, ""));
  desk.ask(client, "jobs", params);
  CHECK(desk.answer()["error"]["code"] == "too_large");
}

TEST_CASE("a job is told with its attempts, from memory and from the store") {
  Desk desk;
  const SessionId client = desk.d.client();
  const SessionId consumer = desk.d.consumer(10);
  JobOptions options;
  options.retry.max = 1;
  const JobId id = desk.d.submit(client, true, options);
  desk.d.assigned_to(consumer);
  const auto started = desk.d.now().wall.time_since_epoch().count();
  Json job = job_of(desk, client, id);
  REQUIRE(job["attempts"].size() == 1);
  CHECK(job["attempts"][0] == Json{{"attempt", 1},
                                   {"ended", nullptr},
                                   {"consumer", "consumer"},
                                   {"started_ms", started},
                                   {"ended_ms", nullptr},
                                   {"run_us", nullptr}});
  CHECK(job["consumer"] == "consumer");
  desk.d.fail(consumer, id, 1);
  job = job_of(desk, client, id);
  REQUIRE(job["attempts"].size() == 1);
  CHECK(job["attempts"][0]["ended"] == "failed");
  CHECK(job["attempts"][0]["type"] == "Boom");
  CHECK(job["attempts"][0]["message"] == "it broke");
  CHECK(job["consumer"].is_null());
  desk.d.pass(std::chrono::minutes(1));
  desk.d.engine().heard(consumer, desk.d.now());
  desk.d.engine().heard(client, desk.d.now());
  desk.d.assigned_to(consumer);
  desk.d.outcome(consumer, id, 2);
  job = job_of(desk, client, id);
  REQUIRE(job["attempts"].size() == 2);
  CHECK(job["attempts"][1]["ended"] == "succeeded");
  CHECK(job["attempts"][1]["run_us"] == 5);
  CHECK_FALSE(job["attempts"][1].contains("type"));
  CHECK(job["consumer"] == "consumer");
  // Out of memory it is told from the store, and no less.
  Desk after;
  after.d.store = desk.d.store;
  after.d.restart();
  PendingAnswers pending(after.d.engine());
  Queries queries(after.d.engine(), after.facts, pending);
  message::Params params;
  params.ids = {id};
  const SessionId other = after.d.client();
  queries.answer(other, {1, "jobs", params}, after.d.now(), after.d.effects);
  for (const Read& read : std::exchange(after.d.effects.reads, {})) {
    const ReadAnswer answer = *perform(after.d.store, read);
    static_cast<void>(pending.answered(answer, after.d.now(), after.d.effects));
  }
  const auto answers = pending.take();
  REQUIRE(answers.size() == 1);
  const Json stored = Json::from_msgpack(answers[0].value)[0];
  CHECK(stored["attempts"] == job["attempts"]);
  CHECK(stored["consumer"] == job["consumer"]);
  CHECK(stored["started_ms"] == job["started_ms"]);
}

TEST_CASE("times are told by the wall clock as it is now") {
  Desk desk;
  const SessionId client = desk.d.client();
  const SessionId consumer = desk.d.consumer(1);
  const auto count = [](WallTime time) { return time.time_since_epoch().count(); };
  const WallTime then = desk.d.now().wall;
  JobOptions options;
  options.expires_in = std::chrono::hours(10);
  JobOptions fixed;
  fixed.run_at = then + std::chrono::hours(48);
  fixed.expires_at = then + std::chrono::hours(50);
  const JobId id = desk.d.submit(client, true, options);
  const JobId later = desk.d.submit(client, true, fixed);
  desk.d.assigned_to(consumer);
  const auto ahead = std::chrono::hours(1);
  desk.d.engine().clock_is_ahead(ahead, desk.d.effects);
  desk.d.settle();
  const Json job = job_of(desk, client, id);
  CHECK(job["submitted_ms"] == count(then + ahead));
  CHECK(job["started_ms"] == count(then + ahead));
  CHECK(job["expires_ms"] == count(then + ahead + std::chrono::hours(10)));
  CHECK(job["attempts"][0]["started_ms"] == count(then + ahead));
  const Json scheduled = job_of(desk, client, later);
  CHECK(scheduled["due_ms"] == count(*fixed.run_at));
  CHECK(scheduled["expires_ms"] == count(*fixed.expires_at));
}

TEST_CASE("of a private job nothing is told that it says") {
  Desk desk;
  const SessionId client = desk.d.client();
  const SessionId consumer = desk.d.consumer(10);
  JobOptions options;
  options.is_private = true;
  options.retry.max = 1;
  const JobId id = submit_with(desk, client, options, "\x91\xa6secret", "\x81\xa1n\xa6secret");
  desk.d.assigned_to(consumer);
  desk.d.engine().progress(consumer, {{{id, 1, 0.5, "secret", "secret\n", 0, 1}}}, desk.d.effects);
  const auto check = [&](const char* list_or_jobs) {
    desk.ask(client, list_or_jobs, [&] {
      message::Params params;
      if (std::string(list_or_jobs) == "jobs") params.ids = {id};
      return params;
    }());
    const Json answer = desk.answer();
    CHECK(answer.dump().find("secret") == std::string::npos);
    return std::string(list_or_jobs) == "jobs" ? answer[0] : answer["jobs"][0];
  };
  Json job = check("jobs");
  CHECK(job["private"] == true);
  CHECK(job["args"] == "private");
  CHECK(job["kwargs"] == "private");
  CHECK(job["progress"]["note"] == "private");
  CHECK(job["progress"]["output"] == "private");
  check("list");
  message::Report report{id, 1, JobState::failed, {}, {"Boom", "secret", {"secret"}}, {}};
  report.error.details.need().cause = message::ErrorView{"Inner", "secret", {}};
  desk.d.engine().outcome(consumer, {0, {report}}, desk.d.now(), desk.d.effects);
  job = check("jobs");
  CHECK(job["error"] == Json{{"type", "Boom"}, {"message", "private"}, {"trace", Json::array()}});
  CHECK(job["attempts"][0]["message"] == "private");
  check("list");
  desk.d.pass(std::chrono::minutes(1));
  desk.d.engine().heard(consumer, desk.d.now());
  desk.d.engine().heard(client, desk.d.now());
  desk.d.assigned_to(consumer);
  message::Report done{id, 2, JobState::succeeded, "\xa6secret", {}, {}};
  desk.d.effects.done.clear();
  desk.d.engine().outcome(consumer, {0, {done}}, desk.d.now(), desk.d.effects);
  // The one that waits for it is told.
  REQUIRE(desk.d.effects.done.size() == 1);
  CHECK(desk.d.effects.done[0].what.outcome->result == "\xa6secret");
  CHECK(check("jobs")["result"] == "private");
  check("list");
  CHECK_FALSE(job_of(desk, client, submit_with(desk, client, {}, "\x90", "")).contains("private"));
}

TEST_CASE("consumers are told with the jobs that they hold, and no more than a hundred of them") {
  Desk desk;
  const SessionId client = desk.d.client();
  const SessionId consumer = desk.d.consumer(200, 2);
  std::vector<JobId> ids;
  for (int i = 0; i < 150; ++i) ids.push_back(desk.d.submit(client));
  desk.d.assigned_to(consumer);
  const auto assigned = desk.d.now().wall.time_since_epoch().count();
  desk.ask(client, "consumers");
  const Json told = desk.answer()["consumers"][0];
  CHECK(told["running"] == 150);
  REQUIRE(told["runs"].size() == 100);
  CHECK(told["runs"][0] == Json{{"id", ids[0].to_string()},
                                {"attempt", 1},
                                {"task", "fib"},
                                {"queue", "default"},
                                {"assigned_ms", assigned}});
}

TEST_CASE("a paused queue is told with who paused it, and when") {
  Desk desk;
  const SessionId client = desk.d.client();
  message::Params params;
  params.queue = "default";
  params.reason = "lunch";
  desk.tell(client, "pause", params);
  CHECK(desk.answer()["paused"] == 1);
  desk.ask(client, "queues");
  const Json queue = desk.answer()["queues"][0];
  CHECK(queue["reason"] == "lunch");
  CHECK(queue["paused_by"] == "client");
  CHECK(queue["paused_ms"] == desk.d.now().wall.time_since_epoch().count());
}

TEST_CASE("queues, consumers and the broker are told with every key of the document") {
  Desk desk;
  const SessionId client = desk.d.client();
  desk.d.consumer(3, 2);
  desk.d.submit(client, true, {}, "other");
  desk.ask(client, "queues");
  const Json queue_page = desk.answer();
  CHECK(queue_page.size() == 2);
  CHECK(queue_page["next"].is_null());
  const Json& queues = queue_page["queues"];
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
                          {"paused_by", nullptr},
                          {"paused_ms", nullptr},
                          {"in_rate", 0.0},
                          {"out_rate", 0.0},
                          {"consumers", 0},
                          {"unserved_tasks", {"fib"}}});
  CHECK(queues[0]["oldest_ms"].is_null());
  desk.ask(client, "consumers");
  const Json consumer_page = desk.answer();
  CHECK(consumer_page.size() == 2);
  CHECK(consumer_page["next"].is_null());
  const Json& consumers = consumer_page["consumers"];
  REQUIRE(consumers.size() == 1);
  CHECK(consumers[0] == Json{{"name", "consumer"},
                             {"instance", consumers[0]["instance"]},
                             {"queues", {"default"}},
                             {"tasks", {"fib"}},
                             {"slots", 2},
                             {"pool", "processes"},
                             {"running", 0},
                             {"runs", Json::array()},
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
  CHECK(broker["store_full"] == false);
  CHECK(broker["store_trouble"].is_null());
  CHECK(broker.size() == 14);
}

TEST_CASE("while the store stands still the broker says so, and does not wait for it") {
  Desk desk;
  const SessionId client = desk.d.client();
  message::Params queue;
  queue.queue = "default";
  desk.tell(client, "pause", queue);
  desk.facts.store_trouble = "there is no room";
  REQUIRE_FALSE(desk.d.effects.records.empty());
  desk.ask(client, "broker");
  const auto answers = desk.pending.take();
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].batch);  // the command waits for its commit
  CHECK_FALSE(answers[1].batch);
  const Json broker = Json::from_msgpack(answers[1].value);
  CHECK(broker["store_full"] == true);
  CHECK(broker["store_trouble"] == "there is no room");
}

namespace {

// All entries of a list, and how many each page has.
struct Walk {
  std::vector<Json> entries;
  std::vector<std::size_t> pages;
};

Walk walk(Desk& desk, SessionId client, const std::string& what, std::uint32_t limit) {
  Walk all;
  message::Params params;
  params.limit = limit;
  std::string after;
  for (;;) {
    params.after = after;
    desk.ask(client, what, params);
    const Json page = desk.answer();
    for (const Json& entry : page.at(what)) all.entries.push_back(entry);
    all.pages.push_back(page.at(what).size());
    if (page.at("next").is_null()) return all;
    after = page.at("next").get<std::string>();
  }
}

}  // namespace

TEST_CASE("queues are told page by page, by name") {
  Desk desk;
  const SessionId client = desk.d.client();
  for (int i = 110; i < 360; ++i) desk.d.submit(client, false, {}, "q" + std::to_string(i));
  for (const std::uint32_t limit : {0U, 100U}) {
    const Walk all = walk(desk, client, "queues", limit);
    CHECK(all.pages == std::vector<std::size_t>{100, 100, 50});
    for (std::size_t i = 0; i < all.entries.size(); ++i) CHECK(all.entries[i]["name"] == "q" + std::to_string(110 + i));
  }
  CHECK(walk(desk, client, "queues", 250).pages == std::vector<std::size_t>{250});
  message::Params params;
  params.after = "q1995";  // no queue has this name
  params.limit = 1;
  desk.ask(client, "queues", params);
  const Json page = desk.answer();
  CHECK(page["queues"][0]["name"] == "q200");
  CHECK(page["next"] == "q200");
  params.after = "r";
  desk.ask(client, "queues", params);
  CHECK(desk.answer() == Json{{"queues", Json::array()}, {"next", nullptr}});
}

TEST_CASE("consumers are told page by page, each once, also one that has come back") {
  Desk desk;
  const SessionId client = desk.d.client();
  std::vector<std::string> instances;
  for (int i = 0; i < 250; ++i) {
    const InstanceId instance = Uuid::make();
    instances.push_back(instance.to_string());
    desk.d.consumer(1, 1, instance);
    if (i % 50 == 0) desk.d.consumer(1, 1, instance);
  }
  const SessionId left = desk.d.consumer(1);
  desk.d.engine().bye(left, desk.d.effects);
  const Walk all = walk(desk, client, "consumers", 0);
  CHECK(all.pages == std::vector<std::size_t>{100, 100, 50});
  std::vector<std::string> told;
  for (const Json& consumer : all.entries) told.push_back(consumer["instance"]);
  CHECK(told == instances);
  message::Params params;
  params.after = "x";
  CHECK(error_of(desk, client, "consumers", params) == "consumers takes the next of an earlier page as its after");
  desk.ask(client, "broker");
  CHECK(desk.answer()["consumers"] == 250);
}

TEST_CASE("a page ends before it has many bytes") {
  Desk desk;
  const SessionId client = desk.d.client();
  message::Params params;
  const std::string reason(1024, 'r');
  params.reason = reason;
  for (int i = 0; i < 600; ++i) {
    const std::string name = "q" + std::to_string(i);
    params.queue = name;
    desk.tell(client, "pause", params);
  }
  REQUIRE(desk.answers().size() == 600);
  const Walk all = walk(desk, client, "queues", 1000);
  CHECK(all.entries.size() == 600);
  CHECK(all.pages.size() > 2);
  for (const std::size_t page : all.pages) CHECK((page - 1) * reason.size() < 256U << 10);
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
  params = {};
  params.after = "x";
  CHECK(error_of(desk, client, "list", params) == "list takes the next of an earlier page as its after");
}

TEST_CASE("one queue, and the consumers of one name, can be asked for") {
  Desk desk;
  const SessionId client = desk.d.client();
  desk.d.consumer(1);
  desk.d.submit(client, true, {}, "other");
  message::Params params;
  params.queue = "other";
  desk.ask(client, "queues", params);
  const Json queues = desk.answer();
  REQUIRE(queues["queues"].size() == 1);
  CHECK(queues["queues"][0]["name"] == "other");
  CHECK(queues["next"].is_null());
  params.queue = "nosuch";
  desk.ask(client, "queues", params);
  CHECK(desk.answer()["queues"].empty());

  desk.ask(client, "consumers");
  const Json consumer = desk.answer()["consumers"][0];
  for (const char* by : {"name", "instance"}) {
    INFO(by);
    const std::string text = consumer[by];
    message::Params named;
    named.consumer = text;
    desk.ask(client, "consumers", named);
    const Json found = desk.answer()["consumers"];
    REQUIRE(found.size() == 1);
    CHECK(found[0]["instance"] == consumer["instance"]);
  }
  message::Params nobody;
  nobody.consumer = "nosuch";
  desk.ask(client, "consumers", nobody);
  CHECK(desk.answer()["consumers"].empty());
}

}  // namespace zebu::broker
