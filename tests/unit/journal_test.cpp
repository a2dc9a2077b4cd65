#include "broker/server/journal.h"

#include "tests/support/captured_log.h"
#include "tests/support/catch.h"
#include "zebu/program/log.h"

#include <set>

namespace zebu::broker {

using namespace std::chrono_literals;
using zebu::test::CapturedLog;
using Json = nlohmann::json;
using PeerNews = Effects::PeerNews;
using JobNews = Effects::JobNews;

namespace {

const TimePoint kJournalStart(100'000s);
const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";

SharedSpec job_of(const std::string& task, bool is_private = false) {
  auto job = std::make_shared<JobSpec>();
  job->id = Uuid::make();
  job->task = task;
  job->queue = "default";
  job->options.headers = {{"traceparent", "00-" + kTrace + "-00f067aa0ba902b7-01"}};
  job->options.is_private = is_private;
  return job;
}

JobNews failure(const SharedSpec& job, const std::string& type, const std::string& message) {
  JobNews news{JobNews::What::finished, job, 3, std::make_shared<const std::string>("c-1")};
  news.outcome = std::make_shared<const Outcome>(Outcome::failed({type, message, {}, {}}));
  return news;
}

struct JournalDesk {
  Journal journal;
  CapturedLog log;

  void peer(PeerNews news) {
    Effects effects;
    effects.peer_news.push_back(std::move(news));
    journal.note(effects, kJournalStart);
  }
  void job(JobNews news, TimePoint now = kJournalStart) {
    Effects effects;
    effects.job_news.push_back(std::move(news));
    journal.note(effects, now);
  }
  void refusal(const std::string& queue, ErrorCode code, TimePoint now) {
    Effects effects;
    effects.refused.push_back({1, {Uuid::make(), {code, "the words of the broker", {}}, queue, "fib"}});
    journal.note(effects, now);
  }
};

}  // namespace

TEST_CASE("what befalls a consumer is logged with its name, its instance and its jobs") {
  JournalDesk desk;
  const InstanceId instance = Uuid::make();
  const Json fields = {{"consumer", "c-1"}, {"peer_instance", instance.to_string()}, {"jobs", 2}};
  using What = PeerNews::What;
  const auto tell = [&](What what) { desk.peer({what, message::Role::consumer, "c-1", instance, 2}); };
  tell(What::joined);
  CHECK(desk.log.count("consumer_joined", fields) == 1);
  tell(What::left);
  CHECK(desk.log.count("consumer_left", fields) == 1);
  tell(What::cut_off);
  CHECK(desk.log.count("consumer_cut_off", fields) == 1);
  tell(What::replaced);
  CHECK(desk.log.count("consumer_replaced", fields) == 1);
  CHECK(desk.log.count("jobs_suspected") == 0);
  const JobId suspect = Uuid::make();
  desk.peer({What::lost, message::Role::consumer, "c-1", instance, 2, suspect, 3004ms});
  CHECK(desk.log.count("consumer_lost", fields) == 1);
  CHECK(desk.log.count("consumer_lost", {{"silent_ms", 3004}}) == 1);
  CHECK(desk.log.count("jobs_suspected", {{"consumer", "c-1"}, {"jobs", 2}, {"job", suspect.to_string()}}) == 1);
  desk.peer({What::not_back, std::nullopt, "", instance, 1});
  CHECK(desk.log.count("consumer_lost", {{"peer_instance", instance.to_string()}, {"jobs", 1}}) == 1);
}

TEST_CASE("what befalls a client is logged") {
  JournalDesk desk;
  using What = PeerNews::What;
  for (const What what : {What::joined, What::left, What::lost, What::replaced}) {
    desk.peer({what, message::Role::client, "zebu-producer", Uuid::make()});
  }
  for (const char* event : {"client_joined", "client_left", "client_lost", "client_replaced"}) {
    CHECK(desk.log.count(event, {{"client", "zebu-producer"}}) == 1);
  }
}

TEST_CASE("each move of a job is logged at debug, with its trace") {
  JournalDesk desk;
  const SharedSpec job = job_of("fib");
  const Json fields = {{"job", job->id.to_string()}, {"task", "fib"}, {"queue", "default"}, {"trace_id", kTrace}};
  const auto consumer = std::make_shared<const std::string>("c-1");
  desk.job({JobNews::What::accepted, job});
  desk.job({JobNews::What::assigned, job, 1, consumer});
  desk.job({JobNews::What::put_back, job, 1});
  desk.job({JobNews::What::rescheduled, job, 2, {}, {}, 1500ms});
  desk.job({JobNews::What::finished, job, 3, consumer, std::make_shared<const Outcome>(Outcome::cancelled())});
  for (const char* event : {"job_accepted", "job_assigned", "job_put_back", "job_rescheduled", "job_finished"}) {
    CHECK(desk.log.count(event, fields) == 1);
  }
  CHECK(desk.log.count("job_assigned", {{"attempt", 1}, {"consumer", "c-1"}}) == 1);
  CHECK(desk.log.count("job_rescheduled", {{"delay_ms", 1500}}) == 1);
  CHECK(desk.log.count("job_finished", {{"outcome", "cancelled"}, {"level", "debug"}}) == 1);
  CHECK(desk.log.count("job_failed") == 0);
}

TEST_CASE("of failures of one kind the first in a minute is logged, and then their number") {
  JournalDesk desk;
  const SharedSpec first = job_of("report");
  SharedSpec last;
  desk.job(failure(first, "std::runtime_error", "it broke"));
  spdlog::set_level(spdlog::level::info);  // the moves of each are not of interest
  for (int i = 0; i < 50'000; ++i) {
    last = job_of("report");
    Effects effects;
    effects.job_news.push_back(failure(last, "std::runtime_error", "it broke"));
    desk.journal.note(effects, kJournalStart + 1s);
  }
  desk.job(failure(job_of("report"), "zebu::Crash", "killed by SIGSEGV"));
  desk.journal.tick(kJournalStart + 59s);
  CHECK(desk.log.count("job_failed") == 2);
  CHECK(desk.log.count("job_failed", {{"job", first->id.to_string()},
                                      {"task", "report"},
                                      {"attempt", 3},
                                      {"consumer", "c-1"},
                                      {"error_type", "std::runtime_error"},
                                      {"trace_id", kTrace}}) == 1);
  CHECK(desk.log.count("jobs_failed_more") == 0);
  desk.journal.tick(kJournalStart + 60s);
  CHECK(desk.log.count("jobs_failed_more", {{"task", "report"},
                                            {"error_type", "std::runtime_error"},
                                            {"count", 50'000},
                                            {"job", last->id.to_string()}}) == 1);
  CHECK(desk.log.count("jobs_failed_more") == 1);
}

TEST_CASE("the message of a private job's error is not logged, and a long one is cut") {
  JournalDesk desk;
  desk.job(failure(job_of("secret", true), "E", "the secret"));
  desk.job(failure(job_of("long"), "E", std::string(16U << 20U, 'x')));
  for (const Json& line : desk.log.lines()) {
    CHECK(line.dump().find("the secret") == std::string::npos);
    CHECK(line.dump().size() < 3 * kMostMessage);
  }
  CHECK(desk.log.count("job_failed") == 2);
}

TEST_CASE("refusals leave a line when they begin, and one with their number when they have ended") {
  JournalDesk desk;
  for (int i = 0; i < 1000; ++i) desk.refusal("a", ErrorCode::queue_full, kJournalStart + std::chrono::milliseconds(i));
  desk.refusal("a", ErrorCode::unknown_task, kJournalStart);
  CHECK(desk.log.count("refusals_began") == 2);
  CHECK(desk.log.count("refusals_began", {{"code", "queue_full"}, {"queue", "a"}, {"task", "fib"}}) == 1);
  desk.journal.tick(kJournalStart + 5900ms);
  CHECK(desk.log.count("refusals_ended") == 1);
  desk.journal.tick(kJournalStart + 6s);
  const Json ended = {{"code", "queue_full"}, {"queue", "a"}, {"count", 1000}, {"lasted_ms", 999}};
  CHECK(desk.log.count("refusals_ended", ended) == 1);
}

TEST_CASE("a peer that breaks the protocol leaves a line, and then their number") {
  JournalDesk desk;
  const Error why{ErrorCode::bad_message, "not msgpack", {}};
  for (int i = 0; i < 500; ++i) {
    desk.journal.refused_message(message::Role::client, "id-1", "peer", why, kJournalStart);
  }
  desk.journal.refused_message(message::Role::consumer, "id-2", "", why, kJournalStart);
  CHECK(desk.log.count("message_refused") == 501);
  CHECK(desk.log.count("protocol_error") == 2);
  CHECK(desk.log.count("protocol_error", {{"role", "client"}, {"peer", "peer"}, {"code", "bad_message"}}) == 1);
  desk.journal.tick(kJournalStart + 10s);
  CHECK(desk.log.count("protocol_error", {{"peer", "peer"}, {"count", 499}}) == 1);
  CHECK(desk.log.count("protocol_error") == 3);
}

TEST_CASE("peers that are not taken leave a line for each reason, and then their number") {
  JournalDesk desk;
  const Error full{ErrorCode::too_many_peers, "the broker has 1 peers", {}};
  for (int i = 0; i < 30; ++i) desk.journal.refused_peer(message::Role::consumer, "c-1", full, kJournalStart);
  CHECK(desk.log.count("peer_refused") == 1);
  CHECK(desk.log.count("peer_refused", {{"role", "consumer"}, {"peer", "c-1"}, {"code", "too_many_peers"}}) == 1);
  desk.journal.tick(kJournalStart + 10s);
  CHECK(desk.log.count("peer_refused", {{"role", "consumer"}, {"count", 29}}) == 1);
}

TEST_CASE("slow commits leave a line, and then their number") {
  JournalDesk desk;
  desk.journal.committed(999ms, kJournalStart);
  CHECK(desk.log.count("commit_slow") == 0);
  desk.journal.committed(1200ms, kJournalStart);
  desk.journal.committed(1300ms, kJournalStart + 2s);
  CHECK(desk.log.count("commit_slow", {{"took_ms", 1200}}) == 1);
  desk.journal.tick(kJournalStart + 10s);
  CHECK(desk.log.count("commit_slow", {{"took_ms", 1300}, {"count", 1}}) == 1);
  CHECK(desk.log.count("commit_slow") == 2);
}

TEST_CASE("a wall clock that is set leaves a line, one that is kept right does not") {
  JournalDesk desk;
  desk.journal.clock_is_ahead(40ms);
  desk.journal.clock_is_ahead(400ms);
  CHECK(desk.log.count("clock_stepped") == 0);
  desk.journal.clock_is_ahead(3'600'400ms);
  CHECK(desk.log.count("clock_stepped", {{"by_ms", 3'600'360}, {"ahead_ms", 3'600'400}}) == 1);
  desk.journal.clock_is_ahead(400ms);
  CHECK(desk.log.count("clock_stepped", {{"by_ms", -3'600'000}}) == 1);
}

TEST_CASE("large messages that wait for room leave a line, and one when none has waited for a while") {
  JournalDesk desk;
  desk.journal.intake_waits(0, kJournalStart);
  for (int i = 0; i < 100; ++i) desk.journal.intake_waits(2, kJournalStart + std::chrono::milliseconds(20 * i));
  CHECK(desk.log.count("intake_full") == 1);
  desk.journal.tick(kJournalStart + 6s);
  CHECK(desk.log.count("intake_free") == 0);
  desk.journal.tick(kJournalStart + 7s);
  CHECK(desk.log.count("intake_free", {{"lasted_ms", 1980}}) == 1);
}

TEST_CASE("the lines of the broker have no other fields than those of their events") {
  JournalDesk desk;
  desk.peer({PeerNews::What::joined, message::Role::consumer, "c", Uuid::make(), 1, {}, {}, "a,b", "threads", 4});
  desk.peer({PeerNews::What::lost, message::Role::consumer, "c", Uuid::make(), 1, Uuid::make(), 1s});
  desk.job(failure(job_of("fib"), "E", "m"));
  desk.refusal("a", ErrorCode::queue_full, kJournalStart);
  desk.journal.tick(kJournalStart + 1h);
  const std::set<std::string> common = {"ts", "level", "program", "pid", "event", "message"};
  CHECK(desk.log.lines().size() >= 7);
  for (const Json& line : desk.log.lines()) {
    for (const EventRow& row : all_events()) {
      if (line.at("event") != row.name) continue;
      std::istringstream names{std::string(row.fields)};
      std::set<std::string> allowed = common;
      for (std::string name; names >> name;) allowed.insert(name);
      for (const auto& [name, value] : line.items()) {
        INFO(row.name << " " << name);
        CHECK(allowed.count(name) == 1);
      }
    }
  }
}

}  // namespace zebu::broker
