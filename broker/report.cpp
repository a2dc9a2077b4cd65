#include "report.h"

#include <zebu/version.h>

#include <nlohmann/json.hpp>

namespace zebu::broker {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxIds = 1000;

Json when(WallTime time) {
  if (time == WallTime{}) return nullptr;
  return time.time_since_epoch().count();
}

std::int64_t milliseconds(Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

Json job_report(const Engine& engine, const JobId& id) {
  const Job* job = engine.jobs().find(id);
  if (!job) return nullptr;
  const JobSpec& spec = *job->spec;
  Json report = {{"id", spec.id.to_string()},
                 {"task", spec.task},
                 {"queue", spec.queue},
                 {"state", to_string(job->state)},
                 {"attempt", job->attempt},
                 {"transient", spec.options.transient},
                 {"submitted_ms", when(spec.submitted)},
                 {"started_ms", when(job->started)},
                 {"finished_ms", when(job->finished)},
                 {"run_us", nullptr},
                 {"consumer", nullptr}};
  if (const std::string_view name = engine.name_of(job->session); !name.empty()) report["consumer"] = name;
  if (!job->outcome) return report;
  report["run_us"] = job->outcome->ran.count();
  if (job->state == JobState::succeeded) {
    const std::string& result = job->outcome->result;
    report["result"] = Json::binary(Json::binary_t::container_type(result.begin(), result.end()));
  }
  if (job->state == JobState::failed) {
    const TaskError& error = job->outcome->error;
    report["error"] = {{"type", error.type}, {"message", error.message}, {"trace", error.trace}};
  }
  return report;
}

Json queues_report(const Engine& engine, Moment now) {
  Json list = Json::array();
  for (const auto& [name, queue] : engine.jobs().queues()) {
    Json oldest = nullptr;
    if (!queue->jobs.empty())
      oldest = std::max<std::int64_t>(0, (now.wall - queue->jobs.front().spec->submitted).count());
    list.push_back({{"name", name},
                    {"queued", queue->jobs.size()},
                    {"running", queue->running},
                    {"queued_bytes", queue->bytes},
                    {"oldest_ms", std::move(oldest)},
                    {"consumers", queue->consumers.size()}});
  }
  return list;
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
                       {"put_back", t.put_back},
                       {"succeeded", t.succeeded},
                       {"failed", t.failed},
                       {"cancelled", t.cancelled},
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

}  // namespace

std::optional<std::string> answer(const message::Query& query, const Engine& engine, const ServerFacts& server,
                                  Moment now) {
  Json value;
  if (query.what == "jobs") {
    if (query.ids.size() > kMaxIds) return std::nullopt;
    value = Json::array();
    for (const JobId& id : query.ids) value.push_back(job_report(engine, id));
  } else if (query.what == "queues") {
    value = queues_report(engine, now);
  } else if (query.what == "consumers") {
    value = consumers_report(engine, now);
  } else if (query.what == "broker") {
    value = broker_report(engine, server, now);
  } else {
    return std::nullopt;
  }
  std::string bytes;
  Json::to_msgpack(value, bytes);
  return bytes;
}

}  // namespace zebu::broker
