#include "zebu/wire/codec_reader.h"

#include <algorithm>
#include <array>

namespace zebu::codec {
namespace {

std::vector<Header> read_headers(const Object& o) {
  if (o.type == msgpack::type::MAP && o.via.map.size > kMaxHeaders) {
    throw Malformed{"headers must be at most " + std::to_string(kMaxHeaders)};
  }
  std::vector<Header> headers;
  std::size_t bytes = 0;
  read_map(o, "headers", [&](std::string_view key, const Object& value) {
    if (!is_valid_name(key)) {
      throw Malformed{"a header's name must have 1 to 128 bytes of UTF-8 without spaces or control characters"};
    }
    const std::string_view text = read_str(value, "a header's value");
    bytes += key.size() + text.size();
    if (bytes > kMaxHeaderBytes) {
      throw Malformed{"headers must have at most " + std::to_string(kMaxHeaderBytes) + " bytes together"};
    }
    headers.emplace_back(key, text);
  });
  return headers;
}

bool read_is_early(const Object& o) {
  const std::string_view acks = read_str(o, "acks");
  if (acks != "early" && acks != "late") throw Malformed{"acks must be 'early' or 'late'"};
  return acks == "early";
}

UniqueWhile read_unique_while(const Object& o) {
  const std::string_view text = read_str(o, "unique_while");
  if (text != "queued" && text != "unfinished") throw Malformed{"unique_while must be 'queued' or 'unfinished'"};
  return text == "queued" ? UniqueWhile::queued : UniqueWhile::unfinished;
}

// Far above every output, and far from an overflow.
constexpr std::uint64_t kMaxOffset = std::uint64_t{1} << 62;

struct Option {
  std::string_view key;
  void (*read)(JobOptions& options, const Object& value);
};
// The first kAssigned options also occur in ASSIGN.
constexpr std::size_t kAssigned = 7;
constexpr std::array<Option, 21> kOptions = {{
    {"transient", [](JobOptions& o, const Object& v) { o.transient = read_bool(v, "transient"); }},
    {"acks", [](JobOptions& o, const Object& v) { o.acks_early = read_is_early(v); }},
    {"soft_limit_ms", [](JobOptions& o, const Object& v) { o.soft_limit = read_ms(v, "soft_limit_ms"); }},
    {"hard_limit_ms", [](JobOptions& o, const Object& v) { o.hard_limit = read_ms(v, "hard_limit_ms"); }},
    {"headers", [](JobOptions& o, const Object& v) { o.headers = read_headers(v); }},
    {"private", [](JobOptions& o, const Object& v) { o.is_private = read_bool(v, "private"); }},
    {"retries", [](JobOptions& o, const Object& v) { o.retry.max = read_u32(v, "retries"); }},
    {"only_served", [](JobOptions& o, const Object& v) { o.only_served = read_bool(v, "only_served"); }},
    {"priority",
     [](JobOptions& o, const Object& v) {
       o.priority = static_cast<std::uint8_t>(read_number(v, "priority", kMaxPriority));
     }},
    {"retry_delay_ms", [](JobOptions& o, const Object& v) { o.retry.delay = read_ms(v, "retry_delay_ms"); }},
    {"retry_factor",
     [](JobOptions& o, const Object& v) { o.retry.factor = read_real(v, "retry_factor", 1, kMaxRetryFactor); }},
    {"retry_cap_ms", [](JobOptions& o, const Object& v) { o.retry.cap = read_ms(v, "retry_cap_ms"); }},
    {"retry_jitter", [](JobOptions& o, const Object& v) { o.retry.jitter = read_real(v, "retry_jitter", 0, 1); }},
    {"delay_ms", [](JobOptions& o, const Object& v) { o.delay = read_ms(v, "delay_ms"); }},
    {"run_at_ms", [](JobOptions& o, const Object& v) { o.run_at = read_unix_ms(v, "run_at_ms"); }},
    {"expires_in_ms", [](JobOptions& o, const Object& v) { o.expires_in = read_ms(v, "expires_in_ms"); }},
    {"expires_at_ms", [](JobOptions& o, const Object& v) { o.expires_at = read_unix_ms(v, "expires_at_ms"); }},
    {"result_ttl_ms", [](JobOptions& o, const Object& v) { o.result_ttl = read_ms(v, "result_ttl_ms"); }},
    {"unique", [](JobOptions& o, const Object& v) { o.unique = read_str(v, "unique", kMaxUnique); }},
    {"unique_while", [](JobOptions& o, const Object& v) { o.unique_while = read_unique_while(v); }},
    {"unique_for_ms", [](JobOptions& o, const Object& v) { o.unique_for = read_ms(v, "unique_for_ms"); }},
}};

// They come with a later version; see docs/protocol.md.
constexpr std::array<std::string_view, 5> kReserved = {"key", "weight", "needs", "after", "principal"};

[[noreturn]] void refuse_option(std::string_view key) {
  const bool is_reserved = std::find(kReserved.begin(), kReserved.end(), key) != kReserved.end();
  throw Malformed{is_reserved ? "the job option " + quoted(key) + " is reserved: this version does not take it"
                              : "unknown job option " + quoted(key)};
}

// Reads the first `known` options from the map `o`; missing ones stay as they are. `read_other` gets another one.
template <class F>
void read_options(JobOptions& options, const Object& o, std::size_t known, F&& read_other) {
  read_map(o, "options", [&](std::string_view key, const Object& value) {
    const auto end = kOptions.begin() + static_cast<std::ptrdiff_t>(known);
    const auto option = std::find_if(kOptions.begin(), end, [&](const Option& each) { return each.key == key; });
    option != end ? option->read(options, value) : read_other(key, value);
  });
}

// Keyword arguments: nothing but the header of the map is looked at. An empty map is none.
Bytes read_kwargs(const Object& o) {
  const Bytes kwargs = read_bin(o, "kwargs");
  const unsigned head = kwargs.empty() ? 0U : static_cast<unsigned char>(kwargs.front());
  const bool is_map = (head & 0xf0U) == 0x80U || head == 0xdeU || head == 0xdfU;
  if (!is_map) throw Malformed{"kwargs must hold one msgpack map"};
  return kwargs == "\x80" ? Bytes() : kwargs;
}

message::ErrorView read_error(const Object& o, int depth = 0) {
  message::ErrorView error;
  read_map(o, "an error", [&](std::string_view key, const Object& value) {
    if (key == "cause" && depth < kMaxCauses) error.details.need().cause = read_error(value, depth + 1);
    if (key == "retry_after_ms") error.details.need().retry_after = read_ms(value, "retry_after_ms");
    if (key == "type") error.type = read_str(value, "type");
    if (key == "message") error.message = read_str(value, "message");
    if (key == "trace") {
      error.trace = read_list<std::string_view>(value, "trace", kMaxNames,
                                                [](const Object& line) { return read_str(line, "a trace's line"); });
    }
    if (key == "kind") {
      // A kind of a newer version is a failure to this one.
      error.kind = error_kind_from(read_str(value, "kind")).value_or(ErrorKind::failure);
    }
  });
  return error;
}

JobState read_state(const Object& o) {
  const std::string_view text = read_str(o, "state");
  const auto state = job_state_from(text);
  if (text == "waiting") throw Malformed{"the state 'waiting' is reserved: this version has no such jobs"};
  if (!state) throw Malformed{"unknown state " + quoted(text)};
  return *state;
}

}  // namespace

std::vector<JobId> read_ids(const Object& o) {
  return read_list<JobId>(o, "ids", message::kMaxList, [](const Object& id) { return read_id(id, "an id"); });
}

std::vector<JobId> read_each_id(const Object& o, std::vector<message::BadEntry>& bad) {
  return read_each<JobId>(o, "ids", false, bad, [](const Object& id) { return read_id(id, "an id"); });
}

message::BadEntry bad_entry(const Object& o, std::uint32_t index, bool has_attempt, std::string why) {
  message::BadEntry bad{index, std::nullopt, 0, std::move(why)};
  if (o.type != msgpack::type::ARRAY || o.via.array.size == 0) return bad;
  try {
    bad.id = read_id(o.via.array.ptr[0], "id");
    if (has_attempt && o.via.array.size > 1) bad.attempt = read_u32(o.via.array.ptr[1], "attempt");
  } catch (const Malformed&) {  // then that much cannot be read
  }
  return bad;
}

AttemptId read_attempt(const Object& o) {
  const Object* f = read_fields(o, 2, "[id, attempt]");
  return {read_id(f[0], "id"), read_u32(f[1], "attempt")};
}

ErrorCode read_code(const Object& o) {
  const std::string_view text = read_str(o, "code");
  return error_code_from(text).value_or(ErrorCode::other);
}

message::Submission read_submission(const Object& o) {
  const Object* f = read_fields(o, 5, "a job");
  message::Submission job{
      read_id(f[0], "id"), read_str(f[1], "task"), read_str(f[2], "queue"), read_bin(f[3], "args"), {}};
  read_options(job.options, f[4], kOptions.size(), [&](std::string_view key, const Object& value) {
    if (key != "kwargs") refuse_option(key);
    job.kwargs = read_kwargs(value);
  });
  return job;
}

message::Assignment read_assignment(const Object& o) {
  const Object* f = read_fields(o, 6, "an assignment");
  message::Assignment job{read_id(f[0], "id"),      read_u32(f[1], "attempt"), read_name(f[2], "task"),
                          read_name(f[3], "queue"), read_bin(f[4], "args"),    {}};
  read_options(job.options, f[5], kAssigned, [&](std::string_view key, const Object& value) {
    if (key == "kwargs") job.kwargs = read_kwargs(value);
    if (key == "failures") job.tries.failures = read_u32(value, "failures");
    if (key == "crashes") job.tries.crashes = read_u32(value, "crashes");
    if (key == "losses") job.tries.losses = read_u32(value, "losses");
  });
  return job;
}

message::Attachment read_attachment(const Object& o) {
  const Object* f = read_fields(o, 2, "[id, to]");
  return {read_id(f[0], "id"), read_id(f[1], "to")};
}

message::EndingJob read_ending(const Object& o) {
  const Object* f = read_fields(o, 2, "[id, state]");
  return {read_id(f[0], "id"), read_state(f[1])};
}

message::Refusal read_refusal(const Object& o) {
  const Object* f = read_fields(o, 4, "a refusal");
  return {read_id(f[0], "id"), read_code(f[1]), read_str(f[2], "message"), read_ms(f[3], "retry_after_ms")};
}

message::Report read_report(const Object& o) {
  const Object* f = read_fields(o, 5, "an outcome");
  message::Report report;
  report.id = read_id(f[0], "id");
  report.attempt = read_u32(f[1], "attempt");
  report.state = read_state(f[2]);
  if (!is_final(report.state)) throw Malformed{"state must be a final one"};
  if (report.state == JobState::succeeded) report.result = read_bin(f[3], "result");
  if (report.state == JobState::failed) report.error = read_error(f[3]);
  report.ran = std::chrono::microseconds(
      read_number(f[4], "run_us", static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())));
  // To ignore them would lose them.
  const bool has_jobs = o.via.array.size > 5 && f[5].type != msgpack::type::NIL;
  if (has_jobs) throw Malformed{"jobs in an outcome are reserved: this version does not take them"};
  return report;
}

message::ProgressReport read_progress(const Object& o) {
  const Object* f = read_fields(o, 7, "a progress report");
  message::ProgressReport report;
  report.id = read_id(f[0], "id");
  report.attempt = read_u32(f[1], "attempt");
  if (f[2].type != msgpack::type::NIL) report.done = read_real(f[2], "done", 0, 1);
  report.note = read_str(f[3], "note", kMaxNote);
  report.output = read_str(f[4], "output", kMaxOutput);
  report.offset = read_number(f[5], "offset", kMaxOffset);
  report.number = read_number(f[6], "number", kMaxOffset);
  return report;
}

// An unknown param is refused, not ignored: ignoring a filter would purge everything.
message::Params read_params(const Object& o) {
  message::Params params;
  read_map(o, "params", [&](std::string_view key, const Object& value) {
    if (key == "ids") {
      params.ids = read_ids(value);
    } else if (key == "queue") {
      params.queue = read_name(value, "queue");
    } else if (key == "task") {
      params.task = read_name(value, "task");
    } else if (key == "state") {
      params.state = read_state(value);
    } else if (key == "reason") {
      params.reason = read_str(value, "reason", message::kMaxReason);
    } else if (key == "consumer") {
      params.consumer = read_name(value, "consumer");
    } else if (key == "after") {
      params.after = read_str(value, "after", message::kMaxAfter);
    } else if (key == "limit") {
      params.limit = read_u32(value, "limit");
    } else if (key == "principal") {
      throw Malformed{"the param 'principal' is reserved: this version does not take it"};
    } else {
      throw Malformed{"unknown param " + quoted(key)};
    }
  });
  return params;
}

}  // namespace zebu::codec
