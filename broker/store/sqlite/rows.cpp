#include "broker/store/sqlite/rows.h"

namespace zebu::broker {
namespace {

enum JobFlag : std::uint8_t { kDue = 1, kExpires = 2 };
enum StandingFlag : std::uint8_t {
  kTroubles = 1,
  kHolder = 2,
  kStandingDue = 4,
  kFinished = 8,
  kForgetAt = 16,
  kOutcome = 32,
  kUnique = 64,
  kCancelAsked = 128,
};

class Writer {
 public:
  explicit Writer(std::string& to) : to_(to) {}

  Writer& byte(unsigned value) { return to_.push_back(static_cast<char>(value)), *this; }
  Writer& number(std::uint64_t value) {
    while (value >= 0x80) {
      byte(static_cast<unsigned>(value & 0x7f) | 0x80U);
      value >>= 7;
    }
    return byte(static_cast<unsigned>(value));
  }
  Writer& time(WallTime value) { return number(static_cast<std::uint64_t>(value.time_since_epoch().count())); }

 private:
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
  Uuid id() { return *Uuid::from_bytes(take(16)); }
  JobState state() {
    const unsigned value = byte();
    if (value >= kJobStates) throw StoreDamage("a state is none");
    return static_cast<JobState>(value);
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

std::uint8_t flags_of(const JobStanding& standing) {
  const Uses& uses = standing.uses;
  unsigned flags = 0;
  if (uses.failures != 0 || uses.crashes != 0 || uses.losses != 0) flags |= kTroubles;
  if (standing.holder != InstanceId{}) flags |= kHolder;
  if (standing.state == JobState::scheduled) flags |= kStandingDue;
  if (is_final(standing.state)) flags |= kFinished;
  if (standing.forget_at) flags |= kForgetAt;
  if (standing.outcome) flags |= kOutcome;
  if (standing.has_unique) flags |= kUnique;
  if (standing.cancel_asked) flags |= kCancelAsked;
  return static_cast<std::uint8_t>(flags);
}

// All but the outcome, which is the rest. Returns whether there is one.
[[nodiscard]] bool read_front(Reader& in, JobStanding& standing) {
  standing.state = in.state();
  const unsigned flags = in.byte();
  standing.has_unique = (flags & kUnique) != 0;
  standing.cancel_asked = (flags & kCancelAsked) != 0;
  standing.uses.attempt = in.small();
  if ((flags & kTroubles) != 0) {
    standing.uses.failures = in.small();
    standing.uses.crashes = in.small();
    standing.uses.losses = in.small();
  }
  if ((flags & kHolder) != 0) standing.holder = in.id();
  if ((flags & kStandingDue) != 0) standing.due = in.time();
  if ((flags & kFinished) != 0) {
    standing.finished = in.time();
    standing.queue = in.take(in.number());
  }
  if ((flags & kForgetAt) != 0) standing.forget_at = in.time();
  return (flags & kOutcome) != 0;
}

}  // namespace

void append_job(std::string& to, const JobSpec& spec) {
  Writer out(to);
  out.byte((spec.due ? unsigned{kDue} : 0U) | (spec.expires ? unsigned{kExpires} : 0U)).time(spec.submitted);
  if (spec.due) out.time(*spec.due);
  if (spec.expires) out.time(*spec.expires);
  append_entry(to, JobView{spec.id, spec.task, spec.queue, spec.args, spec.options});
}

std::string encode_job(const JobSpec& spec) {
  std::string row;
  append_job(row, spec);
  return row;
}

void append_standing(std::string& to, const JobId& id, const JobStanding& standing) {
  Writer out(to);
  const unsigned flags = flags_of(standing);
  out.byte(static_cast<unsigned>(standing.state)).byte(flags).number(standing.uses.attempt);
  if ((flags & kTroubles) != 0) {
    out.number(standing.uses.failures).number(standing.uses.crashes).number(standing.uses.losses);
  }
  if ((flags & kHolder) != 0) to += standing.holder.view();
  if ((flags & kStandingDue) != 0) out.time(standing.due);
  if ((flags & kFinished) != 0) {
    out.time(standing.finished).number(standing.queue.size());
    to += standing.queue;
  }
  if ((flags & kForgetAt) != 0) out.time(*standing.forget_at);
  if (standing.outcome) append_entry(to, message::report_of(id, standing.uses.attempt, *standing.outcome));
}

std::string encode_standing(const JobId& id, const JobStanding& standing) {
  std::string row;
  append_standing(row, id, standing);
  return row;
}

SharedSpec RowReader::job(const JobId& id, std::uint64_t sequence, Bytes row) {
  Reader in(row);
  auto spec = std::make_shared<JobSpec>();
  const unsigned flags = in.byte();
  spec->submitted = in.time();
  if ((flags & kDue) != 0) spec->due = in.time();
  if ((flags & kExpires) != 0) spec->expires = in.time();
  auto job = decoder_.decode_submission(in.rest());
  if (!job) throw StoreDamage("job " + id.to_string() + ": " + job.error().message);
  if (job->id != id) throw StoreDamage("job " + id.to_string() + " has the row of " + job->id.to_string());
  spec->id = id;
  spec->sequence = sequence;
  spec->task = job->task;
  spec->queue = job->queue;
  spec->args = job->args;
  spec->options = std::move(job->options);
  return spec;
}

JobStanding RowReader::standing(Bytes row) {
  Reader in(row);
  JobStanding standing;
  if (!read_front(in, standing)) return standing;
  const auto report = decoder_.decode_report(in.rest());
  if (!report) throw StoreDamage("an outcome: " + report.error().message);
  standing.outcome = std::make_shared<const Outcome>(message::outcome_of(*report));
  return standing;
}

JobStanding RowReader::standing_only(Bytes row) {
  Reader in(row);
  JobStanding standing;
  (void)read_front(in, standing);
  return standing;
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
  out.byte(row.is_standing ? 1 : 0);
  to += row.id.view();
  out.number(row.sequence).number(row.row.size());
  to += row.row;
}

std::vector<RecentRow> decode_recent(Bytes rows) {
  std::vector<RecentRow> decoded;
  for (Reader in(rows); !in.empty();) {
    RecentRow& row = decoded.emplace_back();
    row.is_standing = in.byte() != 0;
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
  for (const std::uint64_t count : counters.counts) out.number(count);
  return row;
}

Counters decode_counters(Bytes row) {
  Reader in(row);
  Counters counters;
  counters.next_sequence = in.number();
  for (std::uint64_t& count : counters.counts) count = in.number();
  return counters;
}

}  // namespace zebu::broker
