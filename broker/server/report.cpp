#include "broker/server/report.h"

#include "zebu/version.h"

#include <nlohmann/json.hpp>

namespace zebu::broker {
namespace {

using Json = nlohmann::json;

// Tasks that a queue's report names as known to none of its consumers.
constexpr std::size_t kMaxUnserved = 5;

Json when(WallTime time) {
  if (time == WallTime{}) return nullptr;
  return time.time_since_epoch().count();
}

std::int64_t milliseconds(Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

Json error_report(const TaskError& error) {
  Json report = {{"type", error.type}, {"message", error.message}, {"trace", error.trace}};
  if (error.kind != ErrorKind::failure) report["kind"] = to_string(error.kind);
  return report;
}

// What a job in memory and one in the store have in common.
Json common_report(const JobSpec& spec, JobState state, const Uses& uses, const SharedOutcome& outcome) {
  const JobOptions& options = spec.options;
  Json report = {{"id", spec.id.to_string()},
                 {"task", spec.task},
                 {"queue", spec.queue},
                 {"state", to_string(state)},
                 {"attempt", uses.attempt},
                 {"failures", uses.failures},
                 {"crashes", uses.crashes},
                 {"losses", uses.losses},
                 {"retries", options.retry.max},
                 {"priority", options.priority},
                 {"transient", options.transient},
                 {"submitted_ms", when(spec.submitted)},
                 {"started_ms", nullptr},
                 {"finished_ms", nullptr},
                 {"due_ms", nullptr},
                 {"expires_ms", spec.expires ? when(*spec.expires) : Json(nullptr)},
                 {"run_us", nullptr},
                 {"consumer", nullptr},
                 {"progress", nullptr},
                 {"unique", options.unique.empty() ? Json(nullptr) : Json(options.unique)},
                 {"headers", Json::object()}};
  for (const auto& [key, value] : options.headers) report["headers"][key] = value;
  if (!outcome) return report;
  if (is_final(state)) report["run_us"] = outcome->ran.count();
  if (outcome->state == JobState::failed) report["error"] = error_report(outcome->error);
  return report;
}

Json job_report(const Engine& engine, const Job& job) {
  Json report = common_report(*job.spec, job.state, job.uses, job.outcome);
  report["started_ms"] = when(job.started);
  report["finished_ms"] = when(job.finished);
  if (job.state == JobState::scheduled) report["due_ms"] = when(job.due);
  const std::string_view consumer = job.session ? engine.name_of(*job.session) : std::string_view();
  if (!consumer.empty()) report["consumer"] = consumer;
  if (job.progress) {
    const Progress& progress = *job.progress;
    report["progress"] = {{"done", progress.done ? Json(*progress.done) : Json(nullptr)},
                          {"note", progress.note},
                          {"output", progress.output}};
  }
  return report;
}

Json job_report(const StoredJob& job) {
  Json report = common_report(*job.spec, job.state, job.uses, job.outcome);
  report["finished_ms"] = when(job.finished);
  if (job.state == JobState::scheduled) report["due_ms"] = when(job.due);
  return report;
}

void add_result(Json& report, const SharedOutcome& outcome) {
  if (!outcome || outcome->state != JobState::succeeded) return;
  const std::string& result = outcome->result;
  report["result"] = Json::binary(Json::binary_t::container_type(result.begin(), result.end()));
}

// Of the first jobs of its lines, in memory.
Json oldest_of(const Queue& queue, Moment now) {
  std::optional<WallTime> oldest;
  for (const auto& [key, line] : queue.lines) {
    if (line->jobs().empty()) continue;
    const WallTime submitted = line->jobs().begin()->spec->submitted;
    oldest = oldest ? std::min(*oldest, submitted) : submitted;
  }
  if (!oldest) return nullptr;
  return std::max<std::int64_t>(0, (now.wall - *oldest).count());
}

Json queue_report(const Engine& engine, const Queue& queue, Moment now) {
  return {{"name", queue.name},
          {"queued", queue.queued},
          {"scheduled", queue.scheduled},
          {"running", queue.running},
          {"failed", queue.failed},
          {"queued_bytes", queue.bytes + queue.transient_bytes},
          {"oldest_ms", oldest_of(queue, now)},
          {"paused", queue.settings.is_paused},
          {"reason", queue.settings.reason},
          {"in_rate", queue.in.per_second},
          {"out_rate", queue.out.per_second},
          {"consumers", queue.consumers},
          {"unserved_tasks", engine.unserved_tasks(queue, kMaxUnserved)}};
}

Json consumers_report(const Engine& engine, Moment now) {
  Json list = Json::array();
  for (const auto& [id, session] : engine.sessions()) {
    if (!session.consumer) continue;
    const Consumer& consumer = *session.consumer;
    Json queues = Json::array();
    for (const Queue* queue : consumer.queues) queues.push_back(queue->name);
    list.push_back({{"name", session.name},
                    {"instance", session.instance.to_string()},
                    {"queues", std::move(queues)},
                    {"tasks", consumer.tasks},
                    {"slots", consumer.slots},
                    {"pool", consumer.pool == message::PoolKind::processes ? "processes" : "threads"},
                    {"running", consumer.running.size()},
                    {"credit", consumer.credit},
                    {"draining", consumer.draining},
                    {"heard_ms", milliseconds(now.steady - session.last_heard)}});
  }
  return list;
}

Json broker_report(const Engine& engine, const ServerFacts& server, Moment now) {
  std::size_t consumers = 0;
  for (const auto& [id, session] : engine.sessions()) consumers += session.consumer ? 1 : 0;
  Json states = Json::object();
  for (int i = 0; i < kJobStates; ++i) {
    const auto state = static_cast<JobState>(i);
    states[std::string(to_string(state))] = engine.jobs().count(state);
  }
  const Totals& t = engine.totals();
  const Json totals = {{"accepted", t.accepted},
                       {"refused", t.refused},
                       {"assigned", t.assigned},
                       {"returned", t.returned},
                       {"attached", t.attached},
                       {"put_back", t.put_back},
                       {"retried", t.retried},
                       {"crashed", t.crashed},
                       {"succeeded", t.succeeded},
                       {"failed", t.failed},
                       {"cancelled", t.cancelled},
                       {"expired", t.expired},
                       {"stale_outcomes", t.stale_outcomes},
                       {"lost_sessions", t.lost_sessions},
                       {"errors", server.errors}};
  return {{"version", kVersion},
          {"protocol", std::to_string(message::kMajor) + "." + std::to_string(message::kMinor)},
          {"instance", server.instance.to_string()},
          {"store", server.store},
          {"uptime_ms", milliseconds(now.steady - server.started)},
          {"clients", engine.sessions().size() - consumers},
          {"consumers", consumers},
          {"jobs", std::move(states)},
          {"totals", totals}};
}

std::string packed(const Json& value) {
  std::string bytes;
  Json::to_msgpack(value, bytes);
  return bytes;
}

}  // namespace

std::string jobs_answer(const Engine& engine, const std::vector<JobId>& ids,
                        const std::vector<std::optional<StoredJob>>& stored) {
  Json list = Json::array();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (const Job* job = engine.jobs().find(ids[i])) {
      add_result(list.emplace_back(job_report(engine, *job)), job->outcome);
    } else if (i < stored.size() && stored[i]) {
      add_result(list.emplace_back(job_report(*stored[i])), stored[i]->outcome);
    } else {
      list.push_back(nullptr);
    }
  }
  return packed(list);
}

std::string list_answer(const Engine& engine, const ListPage& page, std::optional<JobState> state) {
  Json jobs = Json::array();
  for (const StoredJob& stored : page.jobs) {
    const Job* job = engine.jobs().find(stored.spec->id);
    if (state && (job ? job->state : stored.state) != *state) continue;
    jobs.push_back(job ? job_report(engine, *job) : job_report(stored));
  }
  return packed({{"jobs", std::move(jobs)}, {"next", page.next.empty() ? Json(nullptr) : Json(page.next)}});
}

std::string queues_answer(const Engine& engine, Moment now) {
  Json list = Json::array();
  for (const auto& [name, queue] : engine.jobs().queues()) list.push_back(queue_report(engine, *queue, now));
  return packed(list);
}

std::string consumers_answer(const Engine& engine, Moment now) { return packed(consumers_report(engine, now)); }

std::string broker_answer(const Engine& engine, const ServerFacts& server, Moment now) {
  return packed(broker_report(engine, server, now));
}

std::string refused_answer(const Error& why) {
  return packed({{"error", {{"code", to_string(why.code)}, {"message", why.message}}}});
}

std::string count_answer(const char* name, std::optional<std::size_t> count) {
  return packed(Json{{name, count ? Json(*count) : Json(nullptr)}});
}

std::string retried_answer(const std::vector<std::pair<JobId, JobId>>& jobs) {
  Json pairs = Json::array();
  for (const auto& [old, fresh] : jobs) pairs.push_back({old.to_string(), fresh.to_string()});
  return packed({{"retried", jobs.size()}, {"jobs", std::move(pairs)}});
}

}  // namespace zebu::broker
