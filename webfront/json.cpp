#include "webfront/json.h"

#include "webfront/uuid_v7.h"
#include "zebu/job.h"
#include "zebu/program/json_input.h"
#include "zebu/program/json_text.h"
#include "zebu/program/msgpack_parts.h"
#include "zebu/wire/codec.h"
#include "zebu/wire/value_writer.h"

#include <algorithm>

namespace zebu::webfront::json {
namespace {

// More members of "options" are not looked at: there are not so many options.
constexpr std::size_t kMaxOptions = 1000;

tl::unexpected<Error> bad_body(std::string message) { return fail(ErrorCode::bad_value, std::move(message)); }

Result<MapEntries> members_of(std::string_view body, std::string& msgpack) {
  // The body's object is one level more.
  constexpr JsonLimits kLimits{kMaxDepth + 1, "a member of the body nests more than 64 levels deep", "the body"};
  static_assert(kMaxDepth == 64);
  auto converted = msgpack_from_json(body, kLimits);
  if (!converted) return tl::make_unexpected(std::move(converted.error()));
  msgpack = std::move(*converted);
  auto members = map_entries(msgpack);
  if (!members) return bad_body("the body must be a JSON object");
  return std::move(*members);
}

// SUBMIT's entry for a job that has these options and nothing else.
std::string submission_entry(const MapEntries& options) {
  std::string entry;
  ValueWriter to(entry);
  to.array(5);
  const Uuid id{};
  to.binary({reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
  to.text("");
  to.text("");
  to.binary({});
  {
    MapWriter map(to);
    for (const auto& [key, value] : options) map[key].target().append(value);
  }
  return entry;
}

// Reads the options of SUBMIT in JSON, with the decoder of SUBMIT, and unique_by_args, which exists only here. Returns
// what is wrong with them.
std::optional<std::string> read_options(Bytes value, JobRequest& job, bool& unique_by_args) {
  auto options = map_entries(value);
  if (!options) return "\"options\" must be an object";
  if (options->size() > kMaxOptions) return "\"options\" has " + std::to_string(options->size()) + " members";
  if (!value_at(*options, "kwargs").empty()) return "options: kwargs stands beside args, not here";
  const Bytes unique = value_at(*options, "unique");
  if (const Bytes by_args = value_at(*options, "unique_by_args"); !by_args.empty()) {
    unique_by_args = by_args == kTrue;
    if (!unique_by_args && by_args != kFalse) return "options: unique_by_args must be true or false";
    if (unique_by_args && !unique.empty()) return "options: give unique or unique_by_args, not both";
    std::erase_if(*options, [](const auto& option) { return option.first == "unique_by_args"; });
  }
  if (text_in(unique) == "") return "options: unique cannot be empty: leave it out for no key";
  Decoder decoder;
  const std::string entry = submission_entry(*options);
  auto submission = decoder.decode_submission(entry);
  if (!submission) return "options: " + submission.error().message;
  const bool is_transient = job.options.transient;
  const bool is_private = job.options.is_private;
  job.options = std::move(submission->options);
  job.options.transient = job.options.transient || is_transient;
  job.options.is_private = job.options.is_private || is_private;
  return std::nullopt;
}

std::optional<std::string> read_name(std::string_view key, Bytes value, std::string& name) {
  const auto text = text_in(value);
  if (!text) return "\"" + std::string(key) + "\" must be a string";
  if (!is_valid_name(*text)) return "\"" + std::string(key) + "\" must be a name of 1 to 128 bytes without spaces";
  name = *text;
  return std::nullopt;
}

std::optional<std::string> read_id(Bytes value, std::optional<JobId>& id) {
  const auto text = text_in(value);
  id = text ? Uuid::parse(*text) : std::nullopt;
  if (!id || !is_uuid_v7(*id)) return "\"id\" must be a UUIDv7";
  return std::nullopt;
}

std::optional<std::string> read_flag(std::string_view key, Bytes value, bool& flag) {
  if (value != kTrue && value != kFalse) return "\"" + std::string(key) + "\" must be true or false";
  flag = flag || value == kTrue;
  return std::nullopt;
}

// Reads one member of a job. Returns what is wrong with it.
std::optional<std::string> read_member(std::string_view key, Bytes value, JobRequest& job, bool& unique_by_args) {
  if (key == "task") return read_name(key, value, job.task);
  if (key == "queue") return read_name(key, value, job.queue);
  if (key == "args") {
    if (!is_list(value)) return "\"args\" must be an array: the task's arguments in order";
    job.args = value;
  } else if (key == "kwargs") {
    if (!is_map(value)) return "\"kwargs\" must be an object: the task's keyword arguments";
    if (value != kEmptyMap) job.kwargs = value;
  } else if (key == "transient") {
    return read_flag(key, value, job.options.transient);
  } else if (key == "private") {
    return read_flag(key, value, job.options.is_private);
  } else if (key == "options") {
    return read_options(value, job, unique_by_args);
  } else {
    return "unknown key \"" + std::string(key) +
           "\": a job has task, args, kwargs, queue, transient, private and options";
  }
  return std::nullopt;
}

// {"id":"…": an object that is to be continued.
std::string body_of(std::string_view id) { return R"({"id":)" + json_string(id); }

void add_member(std::string& to, std::string_view key, Bytes value) {
  to += to.size() > 1 ? "," : "";
  append_json_string(to, key);
  to += ':';
  append_json(to, value);
}

// A job as the broker tells it. Result and arguments are binaries there, which hold msgpack.
std::string job_body(const MapEntries& job, std::size_t size) {
  std::string body;
  body.reserve(size + size / 4);
  body += '{';
  for (const auto& [key, value] : job) {
    if (key == "error" && value == kNil) continue;
    const bool is_value = key == "result" || key == "args" || key == "kwargs";
    const auto inner = is_value ? binary_in(value) : std::nullopt;
    add_member(body, key, inner.value_or(value));
  }
  return body += '}';
}

}  // namespace

Result<JobRequest> parse_job(std::string_view body, std::optional<JobId>* id) {
  std::string msgpack;
  const auto members = members_of(body, msgpack);
  if (!members) return tl::make_unexpected(members.error());
  JobRequest job;
  job.args = kEmptyList;
  bool unique_by_args = false;
  for (const auto& [key, member] : *members) {
    if (id != nullptr && key == "id") {
      if (auto wrong = read_id(member, *id)) return bad_body(std::move(*wrong));
      continue;
    }
    if (auto wrong = read_member(key, member, job, unique_by_args)) return bad_body(std::move(*wrong));
  }
  if (job.task.empty()) return bad_body("\"task\" is missing");
  if (unique_by_args) job.options.unique = unique_key_of(job.task, job.args, job.kwargs);
  if (auto wrong = why_bad(job.options)) return bad_body("options: " + *wrong);
  return job;
}

std::string accepted_body(const JobId& id, JobState state) {
  return body_of(id.to_string()) + R"(,"state":)" + json_string(to_string(state)) + '}';
}

std::string outcome_body(const JobId& id, const Outcome& outcome) {
  std::string body = body_of(id.to_string());
  body.append(R"(,"state":)").append(json_string(to_string(outcome.state)));
  body.append(R"(,"run_us":)").append(std::to_string(outcome.ran.count()));
  if (outcome.state == JobState::succeeded) {
    body += R"(,"result":)";
    append_json(body, outcome.result);
  }
  if (outcome.state == JobState::failed) body.append(R"(,"error":)").append(json_of(outcome.error));
  return body += '}';
}

Result<std::optional<JobStatus>> job_status(std::string_view answer) {
  const auto jobs = list_elements(answer);
  if (!jobs || jobs->size() != 1) {
    return fail(ErrorCode::bad_value, "the broker's answer about the job is not a list of one");
  }
  if (jobs->front() == kNil) return std::optional<JobStatus>();
  const auto job = map_entries(jobs->front());
  const auto name = job ? text_in(value_at(*job, "state")) : std::nullopt;
  const auto state = name ? job_state_from(*name) : std::nullopt;
  if (!state) return fail(ErrorCode::bad_value, "the broker's answer about the job names no state");
  return JobStatus{job_body(*job, answer.size()), *state};
}

Result<std::uint64_t> consumer_count(std::string_view answer) {
  const auto facts = map_entries(answer);
  const auto count = facts ? number_in(value_at(*facts, "consumers")) : std::nullopt;
  if (!count) return fail(ErrorCode::bad_value, "the broker's answer does not say how many consumers it has");
  return *count;
}

std::string plain_text(std::string_view msgpack_value) { return plain_of(msgpack_value); }

std::string slow_body(std::string_view id, std::string_view result) {
  std::string body = body_of(id);
  add_member(body, "seconds", result);
  return body += '}';
}

}  // namespace zebu::webfront::json
