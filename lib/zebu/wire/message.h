#pragma once

#include "zebu/error.h"
#include "zebu/job.h"

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

// The messages of docs/protocol.md as plain values, with the same names. Strings and bytes are views. In a received
// message they are valid as long as the frame and until the Decoder's next call; in a message to be sent the caller
// must keep them alive until it is encoded.
namespace zebu::message {

inline constexpr std::uint32_t kMajor = 2;
inline constexpr std::uint32_t kMinor = 0;
inline constexpr std::size_t kDefaultMaxMessage = 16U << 20;
inline constexpr std::uint32_t kMaxList = 65'536;
inline constexpr std::uint32_t kMaxCredit = 65'535;
inline constexpr std::size_t kMaxReason = 1024;  // bytes of a pause's reason
inline constexpr std::size_t kMaxAfter = 256;    // bytes of a page's position

// If you add a type, also change docs/protocol.md (three tables), kTypes in codec.cpp, the encoder and the decoder
// (codec_write.cpp, codec_read.cpp) and the golden line.
enum class Type : std::uint8_t {
  hello = 1,
  welcome = 2,
  error = 3,
  beat = 4,
  bye = 5,
  echo = 6,
  part = 7,
  ack = 8,
  hold = 9,
  go = 10,
  submit = 16,
  accepted = 17,
  refused = 18,
  wait = 19,
  done = 20,
  leave = 21,
  cancel = 22,
  unknown = 23,
  query = 24,
  answer = 25,
  attached = 26,
  command = 27,
  ending = 28,
  credit = 32,
  assign = 33,
  outcome = 34,
  kept = 35,
  return_ = 36,
  stop = 37,
  drain = 38,
  progress = 39,
  drained = 40,
};

// An entry of a batched message that could not be read. It costs itself only: the others are handled.
struct BadEntry {
  std::uint32_t index = 0;    // in the message's list
  std::optional<JobId> id;    // what could be read of it
  std::uint32_t attempt = 0;  // likewise, of OUTCOME and RETURN; 0: not readable
  std::string why;
};

enum class Role { client, consumer };
// What a consumer's slots are. A newer consumer may have another kind, which is only shown.
namespace pool {
inline constexpr std::string_view kProcesses = "processes";
inline constexpr std::string_view kThreads = "threads";
}  // namespace pool

struct ConsumerFacts {
  std::vector<std::string_view> queues;
  std::uint32_t slots = 1;
  std::vector<std::string_view> tasks;
  std::string_view pool = pool::kProcesses;
  std::vector<AttemptId> runs;
};

struct Hello {
  std::uint32_t major = kMajor;
  std::uint32_t minor = kMinor;
  Role role = Role::client;
  std::string_view name;
  InstanceId instance;
  ConsumerFacts consumer = {};                  // for role consumer only
  std::vector<std::string_view> features = {};  // optional parts of the protocol that it knows
};

struct Welcome {
  std::uint32_t major = kMajor;
  std::uint32_t minor = kMinor;
  InstanceId instance;  // the broker's
  std::uint32_t grant = 0;
  std::chrono::milliseconds beat{0};
  std::chrono::milliseconds liveness{0};
  std::uint64_t max_message = 0;
  std::uint64_t max_part = 0;  // bytes of a message that is sent whole, and of a part; the window to begin with
  std::vector<std::string> features = {};  // as in HELLO; a copy, because a Welcome is kept
};

// What an ERROR is about, as far as it is about one message.
struct About {
  std::optional<std::uint8_t> type;                      // the message's
  std::optional<AttemptId> attempt;                      // of the entry, in OUTCOME
  std::vector<std::uint32_t> entries = {};               // the places of entries that could not be read, from 0
  std::optional<std::chrono::milliseconds> retry_after;  // HELLO may be said again after this time; unset: in vain
  std::optional<std::pair<std::uint32_t, std::uint32_t>> version;  // the broker's: major, minor
  std::vector<std::string> endpoints = {};                         // of `moved`: the broker is there now
};
struct ErrorReport {
  ErrorCode code;
  std::string_view message;
  About about = {};
};

struct Beat {};
// From the broker: it stops, and a peer may look for it, or for its successor, after this time.
struct Bye {
  std::optional<std::chrono::milliseconds> after = {};
};
// Comes back as it is, when all that was sent before it has been read.
struct Echo {
  std::uint64_t number = 0;
};
// Some bytes of a message that is too long for one frame.
struct Part {
  std::uint64_t number = 0;  // of the message, in this direction of the session
  std::uint64_t offset = 0;  // of the bytes, in the message
  std::uint64_t total = 0;   // bytes of the message
  Bytes bytes;
};
// This many bytes have come in this session.
struct Ack {
  std::uint64_t bytes = 0;
};
// There is no room for this message in parts now: send no more of it. After GO it begins anew, under another number.
struct Hold {
  std::uint64_t number = 0;
};
struct Go {
  std::uint64_t number = 0;
};
struct Drain {};
// The broker has read a consumer's DRAIN: nothing that it sends later is an ASSIGN.
struct Drained {};

struct Submission {
  JobId id;
  std::string_view task;
  std::string_view queue;
  Bytes args;
  JobOptions options;
  Bytes kwargs = {};  // one msgpack map; empty: none
};
struct Submit {
  bool wait = false;
  std::vector<Submission> jobs;
  std::vector<BadEntry> bad = {};
};

struct Accepted {
  std::vector<JobId> ids;
};

struct Refusal {
  JobId id;
  ErrorCode code;
  std::string_view message;
  std::chrono::milliseconds retry_after{0};
};
struct Refused {
  std::vector<Refusal> jobs;
};

struct Wait {
  std::vector<JobId> ids;
  std::vector<BadEntry> bad = {};
};
struct Leave {
  std::vector<JobId> ids;
  std::vector<BadEntry> bad = {};
};
struct Cancel {
  std::vector<JobId> ids;
  std::vector<BadEntry> bad = {};
};
// What a CANCEL found: a job that has ended so, now or before, or one whose consumer was told to end it (running).
struct EndingJob {
  JobId id;
  JobState state = JobState::cancelled;
};
struct Ending {
  std::vector<EndingJob> jobs;
};
struct Unknown {
  std::vector<JobId> ids;
};

// Job `id` was not taken, because job `to` holds its unique key. The submitter gets `to` instead.
struct Attachment {
  JobId id;
  JobId to;
};
struct Attached {
  std::vector<Attachment> jobs;
};

struct ErrorViewDetails;
// A view of a TaskError.
struct ErrorView {
  std::string_view type;
  std::string_view message;
  std::vector<std::string_view> trace = {};
  ErrorKind kind = ErrorKind::failure;
  Rare<ErrorViewDetails> details = {};

  [[nodiscard]] const ErrorView* cause() const;
  [[nodiscard]] std::optional<std::chrono::milliseconds> retry_after() const;
};
struct ErrorViewDetails {
  Rare<ErrorView> cause = {};
  std::optional<std::chrono::milliseconds> retry_after = {};
};
inline const ErrorView* ErrorView::cause() const { return details ? details->cause.get() : nullptr; }
inline std::optional<std::chrono::milliseconds> ErrorView::retry_after() const {
  return details ? details->retry_after : std::nullopt;
}

// An ended attempt, as in OUTCOME and DONE. `result` is set if it succeeded, `error` if it failed.
struct Report {
  JobId id;
  std::uint32_t attempt = 0;
  JobState state = JobState::cancelled;
  Bytes result;
  ErrorView error;
  std::chrono::microseconds ran{0};
};
struct Done {
  std::vector<Report> jobs;
};

// The params of a QUERY or a COMMAND. docs/protocol.md says which of them each `what` takes.
struct Params {
  std::vector<JobId> ids = {};
  std::string_view queue = {};
  std::string_view task = {};
  std::optional<JobState> state = {};
  std::string_view reason = {};
  std::string_view consumer = {};
  std::string_view after = {};  // the position after the previous page, from its answer
  std::uint32_t limit = 0;
};
struct Query {
  std::uint64_t number = 0;
  std::string_view what;
  Params params;
  std::optional<std::string> bad = {};  // why the params could not be read
};
struct Command {
  std::uint64_t number = 0;
  std::string_view what;
  Params params;
  std::optional<std::string> bad = {};
};
// value: one msgpack value, described in docs/protocol.md for each `what`.
// more: how far a long command has come; its answer follows.
struct Answer {
  std::uint64_t number = 0;
  Bytes value;
  bool more = false;
};

struct Credit {
  std::uint32_t credit = 0;
};

// How earlier attempts of a job ended that did not end it.
struct Tries {
  std::uint32_t failures = 0;
  std::uint32_t crashes = 0;
  std::uint32_t losses = 0;

  bool operator==(const Tries&) const = default;
};
struct Assignment {
  JobId id;
  std::uint32_t attempt = 0;
  std::string_view task;
  std::string_view queue;
  Bytes args;
  JobOptions options;
  Bytes kwargs = {};
  Tries tries = {};
};
struct Assign {
  std::vector<Assignment> jobs;
  std::vector<BadEntry> bad = {};
};

struct OutcomeReport {
  std::uint32_t credit = 0;
  std::vector<Report> jobs;
  std::vector<BadEntry> bad = {};
};
struct Kept {
  std::uint64_t count = 0;               // of those that came in whole messages
  std::vector<AttemptId> in_parts = {};  // others, by name
};
struct Return {
  std::uint32_t credit = 0;
  std::vector<AttemptId> jobs;
  std::vector<BadEntry> bad = {};
};
struct Stop {
  std::vector<AttemptId> jobs;
};

struct ProgressReport {
  JobId id;
  std::uint32_t attempt = 0;
  std::optional<double> done;
  std::string_view note;
  std::string_view output;
  std::uint64_t offset = 0;  // of the output's first byte, within the attempt's output
  std::uint64_t number = 0;  // of this report within the attempt, from 1
};
struct ProgressReports {
  std::vector<ProgressReport> jobs;
  std::vector<BadEntry> bad = {};
};

using Message = std::variant<Hello, Welcome, ErrorReport, Beat, Bye, Submit, Accepted, Refused, Wait, Done, Leave,
                             Cancel, Unknown, Query, Answer, Attached, Command, Credit, Assign, OutcomeReport, Kept,
                             Return, Stop, Drain, ProgressReports, Echo, Ending, Drained, Part, Ack, Hold, Go>;

[[nodiscard]] Type type_of(const Message& message);
// "HELLO", as in docs/protocol.md.
[[nodiscard]] std::string_view name_of(Type type);

// The entries of a received message that could not be read; none for messages without a list.
[[nodiscard]] const std::vector<BadEntry>& bad_entries(const Message& message);

// report_of() returns a view of an outcome, outcome_of() a copy of a report. The copy's texts are well-formed UTF-8.
[[nodiscard]] Report report_of(const JobId& id, std::uint32_t attempt, const Outcome& outcome);
[[nodiscard]] Outcome outcome_of(const Report& report);

}  // namespace zebu::message
