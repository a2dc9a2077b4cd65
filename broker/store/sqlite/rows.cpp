#include "broker/store/sqlite/rows.h"

#include "broker/store/sqlite/codes.h"
#include "zebu/utf8.h"

#include <array>

namespace zebu::broker {
namespace {

enum JobFlag : std::uint8_t {
  kDue = 1,
  kExpires = 2,
  kLarge = 4,
  kLargeKeywords = 8,
  kDueByWall = 16,
  kExpiryByWall = 32,
  kListedAt = 64
};
// The rare ones are large: the flags of most rows take one byte.
enum StatusFlag : std::uint16_t {
  kTroubles = 1,
  kHolder = 2,
  kStatusDue = 4,
  kFinished = 8,
  kForgetAt = 16,
  kOutcome = 32,
  kLast = 64,
  kUnique = 128,
  kCancelAsked = 256,
  kEarlier = 512,
  kLargeArgs = 1024,
  kLargeResult = 2048,
};

class Writer {
 public:
  explicit Writer(std::string& to) : to_(to) {}

  Writer& byte(unsigned value) { return to_.push_back(static_cast<char>(value)), *this; }
  Writer& number(std::uint64_t value) { return value < 0x80 ? byte(static_cast<unsigned>(value)) : long_number(value); }
  Writer& time(WallTime value) { return number(static_cast<std::uint64_t>(value.time_since_epoch().count())); }
  Writer& large(const LargeValue& value) { return number(value.number).number(value.size); }
  Writer& text(std::string_view value) { return number(value.size()), to_ += value, *this; }

 private:
  Writer& long_number(std::uint64_t value) {
    std::array<char, 10> bytes;
    std::size_t size = 0;
    for (; value >= 0x80; value >>= 7) bytes[size++] = static_cast<char>((value & 0x7f) | 0x80U);
    bytes[size++] = static_cast<char>(value);
    return to_.append(bytes.data(), size), *this;
  }

  std::string& to_;
};

class Reader {
 public:
  explicit Reader(Bytes from) : from_(from) {}

  unsigned byte() { return static_cast<unsigned char>(take(1).front()); }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const unsigned next = byte();
      value |= static_cast<std::uint64_t>(next & 0x7f) << shift;
      if (next < 0x80) return value;
    }
    throw StoreDamage("a number does not end");
  }
  std::uint32_t small() {
    const std::uint64_t value = number();
    if (value > std::numeric_limits<std::uint32_t>::max()) throw StoreDamage("a number is too large");
    return static_cast<std::uint32_t>(value);
  }
  WallTime time() { return WallTime(std::chrono::milliseconds(static_cast<std::int64_t>(number()))); }
  LargeValue large() {
    const std::uint64_t name = number();
    return {name, number()};
  }
  Uuid id() { return *Uuid::from_bytes(take(16)); }
  Bytes text() { return take(number()); }
  JobState state() {
    const unsigned code = byte();
    const auto state = state_of_code(code);
    if (!state) throw StoreDamage("a job's state has the unknown number " + std::to_string(code));
    return *state;
  }
  [[nodiscard]] bool empty() const { return from_.empty(); }
  Bytes rest() { return std::exchange(from_, {}); }
  Bytes take(std::size_t count) {
    if (from_.size() < count) throw StoreDamage("a row is too short");
    const Bytes taken = from_.substr(0, count);
    from_.remove_prefix(count);
    return taken;
  }

 private:
  Bytes from_;
};

// A row's number for each end; it never gets another meaning.
constexpr std::array<std::pair<AttemptEnd, std::uint8_t>, 7> kAttemptCodes = {{{AttemptEnd::succeeded, 1},
                                                                               {AttemptEnd::failed, 2},
                                                                               {AttemptEnd::crashed, 3},
                                                                               {AttemptEnd::lost, 4},
                                                                               {AttemptEnd::left, 5},
                                                                               {AttemptEnd::cancelled, 6},
                                                                               {AttemptEnd::lost_uncharged, 7}}};

std::uint8_t code_of(AttemptEnd end) {
  for (const auto& [each, code] : kAttemptCodes) {
    if (each == end) return code;
  }
  return 0;
}

AttemptEnd end_of_code(unsigned code) {
  for (const auto& [end, each] : kAttemptCodes) {
    if (each == code) return end;
  }
  throw StoreDamage("an attempt's end has the unknown number " + std::to_string(code));
}

void write_earlier(Writer& out, const std::vector<AttemptRecord>& attempts) {
  out.number(attempts.size());
  for (const AttemptRecord& one : attempts) {
    out.number(one.attempt).byte(code_of(one.end)).time(one.started).time(one.ended);
    out.number(static_cast<std::uint64_t>(one.ran.count()));
    out.text(one.consumer).text(one.type).text(one.message);
  }
}

AttemptLog read_earlier(Reader& in) {
  std::vector<AttemptRecord> attempts;
  for (std::uint64_t left = in.number(); left > 0; --left) {
    AttemptRecord& one = attempts.emplace_back();
    one.attempt = in.small();
    one.end = end_of_code(in.byte());
    one.started = in.time();
    one.ended = in.time();
    one.ran = std::chrono::microseconds(static_cast<std::int64_t>(in.number()));
    one.consumer = in.text();
    one.type = in.text();
    one.message = in.text();
  }
  return std::make_shared<const std::vector<AttemptRecord>>(std::move(attempts));
}

// What a row has of an error that is in pieces.
message::ErrorView beginning_of(const message::ErrorView& error) {
  constexpr std::size_t kMessage = 1024;
  return {utf8_beginning(error.type, kMaxName), utf8_beginning(error.message, kMessage), {}, error.kind};
}

std::uint16_t flags_of(const JobStatus& status) {
  const Uses& uses = status.uses;
  unsigned flags = 0;
  if (uses.failures != 0 || uses.crashes != 0 || uses.losses != 0) flags |= kTroubles;
  if (status.holder) flags |= kHolder;
  if (status.state == JobState::scheduled) flags |= kStatusDue;
  if (is_final(status.state)) flags |= kFinished;
  if (status.forget_at) flags |= kForgetAt;
  if (status.outcome) flags |= kOutcome;
  if (status.has_unique) flags |= kUnique;
  if (status.cancel_asked) flags |= kCancelAsked;
  if (status.last.consumer) flags |= kLast;
  if (status.earlier) flags |= kEarlier;
  if (status.args) flags |= kLargeArgs;
  if (status.result) flags |= kLargeResult;
  return static_cast<std::uint16_t>(flags);
}

// All but the outcome, which is the rest. Returns whether there is one. is_front: stops before the attempts.
[[nodiscard]] bool read_front(Reader& in, JobStatus& status, bool is_front) {
  status.state = in.state();
  const std::uint32_t flags = in.small();
  status.has_unique = (flags & kUnique) != 0;
  status.cancel_asked = (flags & kCancelAsked) != 0;
  status.uses.attempt = in.small();
  if ((flags & kTroubles) != 0) {
    status.uses.failures = in.small();
    status.uses.crashes = in.small();
    status.uses.losses = in.small();
  }
  if ((flags & kHolder) != 0) status.holder = in.id();
  if ((flags & kStatusDue) != 0) status.due = in.time();
  if ((flags & kFinished) != 0) {
    status.finished = in.time();
    status.queue = in.text();
  }
  if ((flags & kForgetAt) != 0) status.forget_at = in.time();
  if ((flags & kLargeArgs) != 0) status.args = in.large();
  if ((flags & kLargeResult) != 0) status.result = in.large();
  if (is_front) return false;
  if ((flags & kLast) != 0) {
    status.last.started = in.time();
    status.last.consumer = std::make_shared<const std::string>(in.text());
  }
  if ((flags & kEarlier) != 0) status.earlier = read_earlier(in);
  return (flags & kOutcome) != 0;
}

void append_job(std::string& to, const JobSpec& spec, const std::optional<LargeValue>& args) {
  Writer out(to);
  const bool has_large_keywords = args && spec.kwargs;
  out.byte((spec.due ? unsigned{kDue} : 0U) | (spec.expires ? unsigned{kExpires} : 0U) |
           (args ? unsigned{kLarge} : 0U) | (has_large_keywords ? unsigned{kLargeKeywords} : 0U) |
           (spec.is_due_by_wall ? unsigned{kDueByWall} : 0U) | (spec.is_expiry_by_wall ? unsigned{kExpiryByWall} : 0U) |
           (spec.listed_at ? unsigned{kListedAt} : 0U));
  out.time(spec.submitted);
  if (spec.due) out.time(*spec.due);
  if (spec.expires) out.time(*spec.expires);
  if (spec.listed_at) out.time(*spec.listed_at);
  if (args) out.large(*args);
  if (has_large_keywords) out.number(spec.args.size());
  const Bytes positional = args ? Bytes() : Bytes(spec.args);
  const Bytes keywords = args ? Bytes() : spec.keywords();
  append_entry(to, JobView{spec.id, spec.task, spec.queue, positional, spec.options, keywords});
}

// All but the entry, which is the rest.
[[nodiscard]] std::optional<LargeArguments> read_front(Reader& in, JobSpec& spec) {
  const unsigned flags = in.byte();
  spec.submitted = in.time();
  if ((flags & kDue) != 0) spec.due = in.time();
  if ((flags & kExpires) != 0) spec.expires = in.time();
  if ((flags & kListedAt) != 0) spec.listed_at = in.time();
  spec.is_due_by_wall = (flags & kDueByWall) != 0;
  spec.is_expiry_by_wall = (flags & kExpiryByWall) != 0;
  if ((flags & kLarge) == 0) return std::nullopt;
  const LargeValue value = in.large();
  return LargeArguments{value, (flags & kLargeKeywords) != 0 ? in.number() : value.size};
}

}  // namespace

bool has_place_in_lists(Bytes job) {
  return !job.empty() && (static_cast<unsigned char>(job.front()) & kListedAt) != 0;
}

Uuid id_in(Bytes blob) {
  const auto id = Uuid::from_bytes(blob);
  if (!id) throw StoreDamage("an id has not 16 bytes");
  return *id;
}

void append_job(std::string& to, const JobSpec& spec) { append_job(to, spec, std::nullopt); }

std::string encode_job(const JobSpec& spec, const std::optional<LargeValue>& args) {
  std::string row;
  append_job(row, spec, args);
  return row;
}

void append_status(std::string& to, const JobId& id, const JobStatus& status) {
  Writer out(to);
  const unsigned flags = flags_of(status);
  out.byte(code_of(status.state)).number(flags).number(status.uses.attempt);
  if ((flags & kTroubles) != 0) {
    out.number(status.uses.failures).number(status.uses.crashes).number(status.uses.losses);
  }
  if (status.holder) to += status.holder->view();
  if ((flags & kStatusDue) != 0) out.time(status.due);
  if ((flags & kFinished) != 0) {
    out.time(status.finished).text(status.queue);
  }
  if ((flags & kForgetAt) != 0) out.time(*status.forget_at);
  if (status.args) out.large(*status.args);
  if (status.result) out.large(*status.result);
  if ((flags & kLast) != 0) out.time(status.last.started).text(*status.last.consumer);
  if ((flags & kEarlier) != 0) write_earlier(out, *status.earlier);
  if (!status.outcome) return;
  message::Report report = message::report_of(id, status.uses.attempt, *status.outcome);
  if (status.result) {
    report.result = {};
    report.error = beginning_of(report.error);
  }
  append_entry(to, report);
}

std::string encode_status(const JobId& id, const JobStatus& status) {
  std::string row;
  append_status(row, id, status);
  return row;
}

RowReader::Job RowReader::job(const JobId& id, std::uint64_t sequence, Bytes row) {
  Reader in(row);
  auto spec = std::make_shared<JobSpec>();
  const auto large = read_front(in, *spec);
  auto job = decoder_.decode_submission(in.rest());
  if (!job) throw StoreDamage("job " + id.to_string() + ": " + job.error().message);
  if (job->id != id) throw StoreDamage("job " + id.to_string() + " has the row of " + job->id.to_string());
  spec->id = id;
  spec->sequence = sequence;
  spec->task = job->task;
  spec->queue = job->queue;
  spec->args = job->args;
  spec->options = std::move(job->options);
  if (!job->kwargs.empty()) spec->kwargs = std::string(job->kwargs);
  return {std::move(spec), large};
}

std::optional<LargeValue> RowReader::args_only(Bytes row) {
  Reader in(row);
  JobSpec spec;
  const auto large = read_front(in, spec);
  return large ? std::optional(large->value) : std::nullopt;
}

JobStatus RowReader::status(Bytes row) {
  Reader in(row);
  JobStatus status;
  if (!read_front(in, status, false)) return status;
  status.outcome = std::make_shared<const Outcome>(outcome(in.rest()));
  return status;
}

Outcome RowReader::outcome(Bytes entry) {
  const auto report = decoder_.decode_report(entry);
  if (!report) throw StoreDamage("an outcome: " + report.error().message);
  return message::outcome_of(*report);
}

JobStatus RowReader::status_only(Bytes row) {
  Reader in(row);
  JobStatus status;
  (void)read_front(in, status, true);
  return status;
}

JobId RowReader::job_of_outcome(Bytes row) {
  Reader in(row);
  JobStatus status;
  if (!read_front(in, status, false)) throw StoreDamage("a row has no outcome");
  const auto report = decoder_.decode_report(in.rest());
  if (!report) throw StoreDamage("an outcome: " + report.error().message);
  return report->id;
}

std::string encode_ids(const std::vector<JobId>& ids) {
  std::string row;
  row.reserve(ids.size() * 16);
  for (const JobId& id : ids) row += id.view();
  return row;
}

std::vector<JobId> decode_ids(Bytes row) {
  std::vector<JobId> ids;
  ids.reserve(row.size() / 16);
  for (; !row.empty(); row.remove_prefix(16)) {
    const auto id = Uuid::from_bytes(row.substr(0, 16));
    if (!id) throw StoreDamage("a list of ids is cut");
    ids.push_back(*id);
  }
  return ids;
}

std::string encode_numbers(const std::vector<std::uint64_t>& numbers) {
  std::string row;
  Writer out(row);
  for (const std::uint64_t number : numbers) out.number(number);
  return row;
}

std::vector<std::uint64_t> decode_numbers(Bytes row) {
  Reader in(row);
  std::vector<std::uint64_t> numbers;
  while (!in.empty()) numbers.push_back(in.number());
  return numbers;
}

void append_recent(std::string& to, const RecentRow& row) {
  Writer out(to);
  out.byte(row.is_status ? 1 : 0);
  to += row.id.view();
  out.number(row.sequence).number(row.row.size());
  to += row.row;
}

std::vector<RecentRow> decode_recent(Bytes rows) {
  std::vector<RecentRow> decoded;
  for (Reader in(rows); !in.empty();) {
    RecentRow& row = decoded.emplace_back();
    row.is_status = in.byte() != 0;
    row.id = in.id();
    row.sequence = in.number();
    row.row = in.take(in.number());
  }
  return decoded;
}

std::string encode_counters(const Counters& counters) {
  std::string row;
  Writer out(row);
  out.number(counters.next_sequence);
  for (const StateCode& one : kStateCodes) out.number(counters.counts[static_cast<std::size_t>(one.state)]);
  const std::int64_t ahead = counters.clock_ahead.count();
  if (ahead != 0)
    out.number(ahead > 0 ? 2 * static_cast<std::uint64_t>(ahead) : 2 * static_cast<std::uint64_t>(-ahead) + 1);
  return row;
}

Counters decode_counters(Bytes row) {
  Reader in(row);
  Counters counters;
  counters.next_sequence = in.number();
  for (const StateCode& one : kStateCodes) counters.counts[static_cast<std::size_t>(one.state)] = in.number();
  if (in.empty()) return counters;
  const std::uint64_t ahead = in.number();
  const auto ms = static_cast<std::int64_t>(ahead / 2);
  counters.clock_ahead = std::chrono::milliseconds(ahead % 2 == 0 ? ms : -ms);
  return counters;
}

}  // namespace zebu::broker
