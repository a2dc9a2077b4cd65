#include "webfront/json.h"

#include "zebu/job.h"
#include "zebu/program/json_input.h"
#include "zebu/program/json_text.h"
#include "zebu/wire/codec.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace zebu::webfront::json {
namespace {

using Json = nlohmann::json;

// Reads msgpack without keeping it, and stops where it nests too deep.
class DepthCheck {
 public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  bool null() { return true; }
  bool boolean(bool) { return true; }
  bool number_integer(number_integer_t) { return true; }
  bool number_unsigned(number_unsigned_t) { return true; }
  bool number_float(number_float_t, const string_t&) { return true; }
  bool string(string_t&) { return true; }
  bool binary(binary_t&) { return true; }
  bool key(string_t&) { return true; }
  bool start_object(std::size_t) { return ++depth_ <= kMaxDepth; }
  bool start_array(std::size_t) { return ++depth_ <= kMaxDepth; }
  bool end_object() { return depth_-- > 0; }
  bool end_array() { return depth_-- > 0; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) { return false; }

 private:
  int depth_ = 0;
};

// nullopt for a value that JSON cannot express: a map with a key that is not a string, or too deep a nesting.
std::optional<Json> from_msgpack(std::string_view bytes) {
  DepthCheck check;
  if (!Json::sax_parse(bytes.begin(), bytes.end(), &check, Json::input_format_t::msgpack)) return std::nullopt;
  Json value = Json::from_msgpack(bytes.begin(), bytes.end(), true, false);
  if (value.is_discarded()) return std::nullopt;
  return value;
}

Json value_of(std::string_view msgpack_value) { return Json::parse(json_of(msgpack_value)); }

// Bytes that are not UTF-8 become U+FFFD.
std::string to_text(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

tl::unexpected<Error> bad_body(std::string message) { return fail(ErrorCode::bad_value, std::move(message)); }

Result<Json> parse_text(std::string_view text) {
  // The body's object is one level more.
  constexpr const char* kTooDeep = "a member of the body nests more than 64 levels deep";
  static_assert(kMaxDepth == 64);
  if (auto why = why_bad_json(text, kMaxDepth + 1, kTooDeep)) return bad_body(std::move(*why));
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const Json::parse_error& e) {
    return bad_body("malformed JSON at byte " + std::to_string(e.byte) + " of the body");
  } catch (const Json::exception& e) {
    return bad_body(std::string("malformed JSON: ") + e.what());
  }
}

// Reads the options of SUBMIT in JSON, with the decoder of SUBMIT, and unique_by_args, which exists only here. Returns
// what is wrong with them.
std::optional<std::string> read_options(Json& value, JobRequest& job, bool& unique_by_args) {
  if (!value.is_object()) return "\"options\" must be an object";
  if (value.contains("kwargs")) return "options: kwargs stands beside args, not here";
  if (const auto by_args = value.find("unique_by_args"); by_args != value.end()) {
    if (!by_args->is_boolean()) return "options: unique_by_args must be true or false";
    if (by_args->get<bool>() && value.contains("unique")) return "options: give unique or unique_by_args, not both";
    unique_by_args = by_args->get<bool>();
    value.erase(by_args);
  }
  if (value.contains("unique") && value["unique"] == "") {
    return "options: unique cannot be empty: leave it out for no key";
  }
  const Json::binary_t nothing;
  const Json::binary_t id(std::vector<std::uint8_t>(Uuid{}.bytes.size()));
  Decoder decoder;
  const std::string entry = msgpack_of(Json::array({Json::binary(id), "", "", Json::binary(nothing), value}));
  auto submission = decoder.decode_submission(entry);
  if (!submission) return "options: " + submission.error().message;
  const bool is_transient = job.options.transient;
  const bool is_private = job.options.is_private;
  job.options = std::move(submission->options);
  job.options.transient = job.options.transient || is_transient;
  job.options.is_private = job.options.is_private || is_private;
  return std::nullopt;
}

// Reads one member of a job. Returns what is wrong with it.
std::optional<std::string> read_member(const std::string& key, Json& value, JobRequest& job, bool& unique_by_args) {
  if (key == "task") {
    if (!value.is_string()) return "\"task\" must be a string";
    job.task = value.get<std::string>();
    if (!is_valid_name(job.task)) return "\"task\" must be a name of 1 to 128 bytes without spaces";
  } else if (key == "queue") {
    if (!value.is_string()) return "\"queue\" must be a string";
    job.queue = value.get<std::string>();
    if (!is_valid_name(job.queue)) return "\"queue\" must be a name of 1 to 128 bytes without spaces";
  } else if (key == "args") {
    if (!value.is_array()) return "\"args\" must be an array: the task's arguments in order";
    job.args = msgpack_of(value);
  } else if (key == "kwargs") {
    if (!value.is_object()) return "\"kwargs\" must be an object: the task's keyword arguments";
    if (!value.empty()) job.kwargs = msgpack_of(value);  // the library keeps keys in order
  } else if (key == "transient") {
    if (!value.is_boolean()) return "\"transient\" must be true or false";
    job.options.transient = job.options.transient || value.get<bool>();
  } else if (key == "private") {
    if (!value.is_boolean()) return "\"private\" must be true or false";
    job.options.is_private = job.options.is_private || value.get<bool>();
  } else if (key == "options") {
    return read_options(value, job, unique_by_args);
  } else {
    return "unknown key \"" + key + "\": a job has task, args, kwargs, queue, transient, private and options";
  }
  return std::nullopt;
}

}  // namespace

Result<JobRequest> parse_job(std::string_view body) {
  auto value = parse_text(body);
  if (!value) return tl::make_unexpected(value.error());
  if (!value->is_object()) return bad_body("the body must be a JSON object");
  JobRequest job;
  job.args.assign(1, '\x90');  // an empty array
  bool unique_by_args = false;
  for (auto& [key, member] : value->items()) {
    if (auto wrong = read_member(key, member, job, unique_by_args)) return bad_body(std::move(*wrong));
  }
  if (job.task.empty()) return bad_body("\"task\" is missing");
  if (unique_by_args) job.options.unique = unique_key_of(job.task, job.args, job.kwargs);
  if (auto wrong = why_bad(job.options)) return bad_body("options: " + *wrong);
  return job;
}

std::string accepted_body(const JobId& id, JobState state) {
  return to_text({{"id", id.to_string()}, {"state", to_string(state)}});
}

std::string outcome_body(const JobId& id, const Outcome& outcome) {
  Json body{{"id", id.to_string()}, {"state", to_string(outcome.state)}, {"run_us", outcome.ran.count()}};
  if (outcome.state == JobState::succeeded) body["result"] = value_of(outcome.result);
  if (outcome.state == JobState::failed) body["error"] = Json::parse(json_of(outcome.error));
  return to_text(body);
}

Result<std::optional<JobStatus>> job_status(std::string_view answer) {
  auto jobs = from_msgpack(answer);
  if (!jobs || !jobs->is_array() || jobs->size() != 1) {
    return fail(ErrorCode::bad_value, "the broker's answer about the job is not a list of one");
  }
  Json& job = jobs->front();
  if (job.is_null()) return std::optional<JobStatus>();
  const auto state = job.is_object() && job.contains("state") && job["state"].is_string()
                         ? job_state_from(job["state"].get_ref<const std::string&>())
                         : std::nullopt;
  if (!state) return fail(ErrorCode::bad_value, "the broker's answer about the job names no state");
  for (const char* name : {"result", "args", "kwargs"}) {
    const auto value = job.find(name);
    if (value == job.end() || !value->is_binary()) continue;
    const auto bytes = value->get_binary();
    *value = value_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  if (const auto error = job.find("error"); error != job.end() && error->is_null()) job.erase(error);
  return JobStatus{to_text(job), *state};
}

Result<Listing> listing(std::string_view name, std::string_view answer) {
  auto list = from_msgpack(answer);
  if (!list || !list->is_array()) return fail(ErrorCode::bad_value, "the broker's answer is not a list");
  const std::size_t count = list->size();
  Json body = Json::object();
  body[std::string(name)] = std::move(*list);
  return Listing{to_text(body), count};
}

std::string plain_text(std::string_view msgpack_value) { return plain_of(msgpack_value); }

std::string slow_body(std::string_view id, std::string_view result) {
  return to_text({{"id", id}, {"seconds", value_of(result)}});
}

}  // namespace zebu::webfront::json
