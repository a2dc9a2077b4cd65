#include "webfront/json.h"
#include "zebu/convert.h"
#include "zebu/program/json_text.h"
#include "zebu/program/msgpack_parts.h"

#include <limits>

// What readers of a job's events hear of it.
namespace zebu::webfront::json {
namespace {

constexpr std::string_view kPrivate = "private";

std::optional<JobGlance> glance_at(const MapEntries& job) {
  const auto name = text_in(value_at(job, "state"));
  const auto state = name ? job_state_from(*name) : std::nullopt;
  const auto attempt = number_in(value_at(job, "attempt"));
  if (!state || !attempt || *attempt > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return JobGlance{*state, static_cast<std::uint32_t>(*attempt)};
}

std::optional<Progress> progress_in(Bytes value) {
  const auto entries = map_entries(value);
  if (!entries) return std::nullopt;
  Progress progress;
  if (const auto done = unpack_value<double>(value_at(*entries, "done"))) progress.done = *done;
  progress.note = text_in(value_at(*entries, "note")).value_or("");
  progress.output = text_in(value_at(*entries, "output")).value_or("");
  progress.offset = number_in(value_at(*entries, "offset")).value_or(0);
  progress.number = number_in(value_at(*entries, "number")).value_or(0);
  return progress;
}

// As outcome_body makes it of the outcome itself.
std::string outcome_in(const JobId& id, JobState state, const MapEntries& job, std::size_t size) {
  std::string body;
  body.reserve(size + size / 4);
  body.append(R"({"id":")").append(id.to_string()).append(R"(","state":)").append(json_string(to_string(state)));
  body.append(R"(,"run_us":)").append(std::to_string(number_in(value_at(job, "run_us")).value_or(0)));
  if (state == JobState::succeeded) {
    const Bytes result = value_at(job, "result");
    body += R"(,"result":)";
    append_json(body, binary_in(result).value_or(result));
  }
  if (state == JobState::failed) {
    body += R"(,"error":)";
    append_json(body, value_at(job, "error"));
  }
  return body += '}';
}

tl::unexpected<Error> no_states() { return fail(ErrorCode::bad_value, "the broker's answer names no states of jobs"); }

}  // namespace

Result<std::optional<JobFacts>> job_facts(const JobId& id, std::string_view answer) {
  const auto jobs = list_elements(answer);
  if (!jobs || jobs->size() != 1) return no_states();
  if (jobs->front() == kNil) return std::optional<JobFacts>();
  const auto job = map_entries(jobs->front());
  const auto glance = job ? glance_at(*job) : std::nullopt;
  if (!glance) return no_states();
  JobFacts facts{.state = glance->state, .attempt = glance->attempt};
  facts.is_private = value_at(*job, "private") == kTrue;
  facts.progress = progress_in(value_at(*job, "progress"));
  if (is_final(facts.state)) facts.outcome = outcome_in(id, facts.state, *job, answer.size());
  return facts;
}

Result<std::vector<std::optional<JobGlance>>> job_glances(std::string_view answer) {
  const auto jobs = list_elements(answer);
  if (!jobs) return no_states();
  std::vector<std::optional<JobGlance>> glances;
  for (const Bytes each : *jobs) {
    const auto job = map_entries(each);
    glances.push_back(job ? glance_at(*job) : std::nullopt);
  }
  return glances;
}

Outcome without_secrets(const Outcome& outcome) {
  Outcome shown = outcome;
  if (outcome.state == JobState::succeeded) shown.result = "\xa7" + std::string(kPrivate);
  if (outcome.state == JobState::failed)
    shown.error = {outcome.error.type, std::string(kPrivate), {}, outcome.error.kind};
  return shown;
}

}  // namespace zebu::webfront::json
