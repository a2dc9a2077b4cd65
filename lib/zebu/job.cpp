#include "zebu/job.h"

#include "zebu/utf8.h"

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <algorithm>
#include <array>

namespace zebu {
namespace {

constexpr std::array<std::string_view, kJobStates> kStateNames = {"scheduled", "queued",    "running", "succeeded",
                                                                  "failed",    "cancelled", "expired"};

// Row: from; column: to; in the order of JobState. Compared with docs/job-lifecycle.md by a test.
constexpr bool kMayMove[kJobStates][kJobStates] = {
    //                 sched. queued running succ.  failed canc.  expired
    /* scheduled */ {false, true, false, false, false, true, true},
    /* queued    */ {false, false, true, false, false, true, true},
    /* running   */ {true, true, false, true, true, true, false},
    /* succeeded */ {false, false, false, false, false, false, false},
    /* failed    */ {false, false, false, false, false, false, false},
    /* cancelled */ {false, false, false, false, false, false, false},
    /* expired   */ {false, false, false, false, false, false, false},
};

constexpr std::array<std::string_view, 3> kKinds = {"failure", "permanent", "crash"};

using Complaint = std::optional<std::string>;

Complaint why_bad_duration(const char* what, std::optional<std::chrono::milliseconds> duration, std::int64_t least) {
  if (!duration || (duration->count() >= least && *duration <= kMaxDuration)) return std::nullopt;
  return std::string(what) + (least > 0 ? " must be at least 1 ms" : " cannot be negative") + ", and at most " +
         std::to_string(std::chrono::floor<std::chrono::seconds>(kMaxDuration).count()) + " s";
}

Complaint why_bad_durations(const JobOptions& o) {
  if (auto bad = why_bad_duration("the delay", o.delay, 0)) return bad;
  if (auto bad = why_bad_duration("the delay before a retry", o.retry.delay, 0)) return bad;
  if (auto bad = why_bad_duration("the longest delay before a retry", o.retry.cap, 0)) return bad;
  if (auto bad = why_bad_duration("the time to expire in", o.expires_in, 1)) return bad;
  if (auto bad = why_bad_duration("the soft limit", o.soft_limit, 1)) return bad;
  if (auto bad = why_bad_duration("the hard limit", o.hard_limit, 1)) return bad;
  if (auto bad = why_bad_duration("the time to keep the result", o.result_ttl, 0)) return bad;
  return why_bad_duration("the time that a key is held after success", o.unique_for, 0);
}

Complaint why_bad_times(const JobOptions& o) {
  if (auto bad = why_bad_durations(o)) return bad;
  if (o.delay.count() > 0 && o.run_at) return "give a delay or a time to run at, not both";
  if (o.expires_in && o.expires_at) return "give a time to expire in or one to expire at, not both";
  for (const auto& time : {o.run_at, o.expires_at}) {
    if (time && (*time < WallTime{} || *time > kMaxWallTime)) return "a time must be between the years 1970 and 9999";
  }
  if (o.soft_limit && o.hard_limit && *o.soft_limit >= *o.hard_limit) {
    return "the soft limit must be below the hard limit";
  }
  return std::nullopt;
}

Complaint why_bad_retry(const JobOptions& o) {
  if (!(o.retry.factor >= 1 && o.retry.factor <= kMaxRetryFactor)) return "the retry factor must be from 1 to 100";
  if (!(o.retry.jitter >= 0 && o.retry.jitter <= 1)) return "the retry jitter must be from 0 to 1";
  if (o.acks_early && o.retry.max > 0) return "acks early runs at most once, so it cannot have retries";
  return std::nullopt;
}

Complaint why_bad_unique(const JobOptions& o) {
  if (o.unique.size() > kMaxUnique) return "the unique key has more than " + std::to_string(kMaxUnique) + " bytes";
  if (!is_utf8(o.unique)) return "the unique key must be UTF-8";
  if (o.unique.empty() && o.unique_for.count() > 0) return "a time that a unique key is held needs a unique key";
  if (o.unique.empty() && o.unique_while == UniqueWhile::queued) return "unique while queued needs a unique key";
  if (o.unique_while == UniqueWhile::queued && o.unique_for.count() > 0) {
    return "a key that is unique while queued cannot be held after success";
  }
  return std::nullopt;
}

Complaint why_bad_headers(const std::vector<Header>& headers) {
  if (headers.size() > kMaxHeaders) return "more than " + std::to_string(kMaxHeaders) + " headers";
  std::size_t bytes = 0;
  for (auto header = headers.begin(); header != headers.end(); ++header) {
    if (!is_valid_name(header->first)) {
      return "a header's name must have 1 to 128 bytes of UTF-8 without spaces or control characters";
    }
    if (!is_utf8(header->second)) return "the value of the header '" + header->first + "' must be UTF-8";
    const bool is_twice =
        std::any_of(headers.begin(), header, [&](const Header& h) { return h.first == header->first; });
    if (is_twice) return "the header '" + header->first + "' is given twice";
    bytes += header->first.size() + header->second.size();
  }
  if (bytes > kMaxHeaderBytes) return "headers of more than " + std::to_string(kMaxHeaderBytes) + " bytes together";
  return std::nullopt;
}

}  // namespace

std::string_view to_string(JobState state) { return kStateNames[static_cast<std::size_t>(state)]; }

std::optional<JobState> job_state_from(std::string_view text) {
  const auto found = std::find(kStateNames.begin(), kStateNames.end(), text);
  if (found == kStateNames.end()) return std::nullopt;
  return static_cast<JobState>(found - kStateNames.begin());
}

bool is_final(JobState state) { return state >= JobState::succeeded; }

bool may_move(JobState from, JobState to) {
  return kMayMove[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
}

bool is_valid_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxName) return false;
  while (!name.empty()) {
    const auto lead = static_cast<unsigned char>(name.front());
    if (lead <= 0x20 || lead == 0x7f) return false;
    const Utf8Piece piece = utf8_piece(name);
    if (!piece.character) return false;
    name.remove_prefix(piece.size);
  }
  return true;
}

std::optional<std::string> why_bad(const JobOptions& options) {
  if (options.priority > kMaxPriority) return "the priority must be from 0 to 9";
  if (auto bad = why_bad_retry(options)) return bad;
  if (auto bad = why_bad_times(options)) return bad;
  if (auto bad = why_bad_unique(options)) return bad;
  return why_bad_headers(options.headers);
}

const TaskError* TaskError::cause() const { return details ? details->cause.get() : nullptr; }

std::optional<std::chrono::milliseconds> TaskError::retry_after() const {
  return details ? details->retry_after : std::nullopt;
}

bool TaskError::operator==(const TaskError& other) const {
  return type == other.type && message == other.message && trace == other.trace && kind == other.kind &&
         details == other.details;
}

std::string unique_key_of(std::string_view task, Bytes args, Bytes kwargs) {
  // Zebu's own namespace; a zero byte ends the task, which has none.
  static constexpr boost::uuids::uuid kNamespace = {
      {0x7a, 0x65, 0x62, 0x75, 0x2d, 0x61, 0x57, 0x67, 0xb3, 0x2d, 0x6b, 0x65, 0x79, 0x2d, 0x76, 0x31}};
  std::string call(task);
  call += '\0';
  call += args;  // one value, so that the map behind it is told apart
  call += kwargs;
  boost::uuids::name_generator_sha1 name(kNamespace);
  return "args:" + std::string(task) + ":" + boost::uuids::to_string(name(call));
}

std::string_view to_string(ErrorKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

std::optional<ErrorKind> error_kind_from(std::string_view text) {
  const auto found = std::find(kKinds.begin(), kKinds.end(), text);
  if (found == kKinds.end()) return std::nullopt;
  return static_cast<ErrorKind>(found - kKinds.begin());
}

}  // namespace zebu
