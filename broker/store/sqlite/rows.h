#pragma once

#include "broker/records/records.h"
#include "zebu/wire/codec.h"

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

// The forms of the values in the SQLite store's tables. If you change a form, raise kFormat (schema.h). Numbers
// are LEB128 varints, times milliseconds since 1970 as such, states as codes.h says.
namespace zebu::broker {

// The file's content makes no sense: it was damaged, or another program wrote it.
struct StoreDamage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The id that a column has. Throws StoreDamage.
[[nodiscard]] Uuid id_in(Bytes blob);

// A value that is in the table `piece`.
struct LargeValue {
  std::uint64_t number = 0;
  std::uint64_t size = 0;
};

// A job's arguments in it: args, and behind them kwargs.
struct LargeArguments {
  LargeValue value;
  std::uint64_t positional = 0;  // bytes of args
};

// job.row: ┌ flags: 1 due, 2 expires, 4 large arguments: number, size, 8 of which so many bytes are args, and the
// others
//   kwargs ┬ submitted ┬ (…in that order) ┬ as in SUBMIT: [id, task, queue, args, options] │
//   Large arguments are empty there: args and kwargs, if they have more than kLargeValue bytes together.
void append_job(std::string& to, const JobSpec& spec);
[[nodiscard]] std::string encode_job(const JobSpec& spec, const std::optional<LargeValue>& args = {});

// The changes of a job since it was accepted.
struct JobStatus {
  JobState state = JobState::queued;
  bool cancel_asked = false;  // while running
  bool has_unique = false;    // its spec has a unique key, which is dropped with the job
  Uses uses;
  std::optional<InstanceId> holder;
  WallTime due{};       // valid while scheduled
  WallTime finished{};  // valid in a final state, as is the queue: dropping a job reads no more than this
  std::string queue;
  std::optional<WallTime> forget_at;
  // Pieces that are dropped with the finished job.
  std::optional<LargeValue> args;
  std::optional<LargeValue> result;
  LastAttempt last;
  AttemptLog earlier;
  SharedOutcome outcome;  // without a large result; of a large error the beginning
};
// status.row: ┌ state ┬ flags: 1 failures, crashes, losses · 2 holder · 4 due · 8 finished, queue · 16 forget_at ·
//   32 outcome · 64 last: started, consumer · 128 has_unique · 256 cancel_asked · 512 earlier · 1024 large arguments:
//   number, size · 2048 large result or error: number, size ┬ attempt ┬ (failures, crashes, losses, holder, due,
//   finished, queue, forget_at, large arguments, large result or error, last, earlier) ┬ (as in OUTCOME: [id, attempt,
//   state, value, run_us]) │
// A text is its length and its bytes. earlier: how many, then each: attempt, its end (kAttemptCodes), started, ended,
// ran in microseconds, consumer, type, message.
void append_status(std::string& to, const JobId& id, const JobStatus& status);
[[nodiscard]] std::string encode_status(const JobId& id, const JobStatus& status);

// Decodes rows. Throws StoreDamage.
class RowReader {
 public:
  struct Job {
    std::shared_ptr<JobSpec> spec;  // without large arguments
    std::optional<LargeArguments> large;
  };
  [[nodiscard]] Job job(const JobId& id, std::uint64_t sequence, Bytes row);
  // Where a job's arguments are, if they are large.
  [[nodiscard]] static std::optional<LargeValue> args_only(Bytes row);
  [[nodiscard]] JobStatus status(Bytes row);
  // The same without attempts and outcome, which take most of the time.
  [[nodiscard]] static JobStatus status_only(Bytes row);
  // An outcome by itself: what pieces have of one with a large error.
  [[nodiscard]] Outcome outcome(Bytes entry);
  // Whose outcome a row has.
  [[nodiscard]] JobId job_of_outcome(Bytes row);

 private:
  Decoder decoder_;
};

// store.recent: rows that are to be in `job` or `status`, and are not yet. One after the other:
//   ┌ 0 job, 1 status ┬ id ┬ sequence ┬ length of the row, row │
struct RecentRow {
  bool is_status = false;
  JobId id;
  std::uint64_t sequence = 0;
  Bytes row;
};
void append_recent(std::string& to, const RecentRow& row);
[[nodiscard]] std::vector<RecentRow> decode_recent(Bytes rows);

// Whether the row of a job has JobSpec::listed_at.
[[nodiscard]] bool has_place_in_lists(Bytes job);

// Lists of jobs, for resident and forgetting: ids of 16 bytes, one after the other.
[[nodiscard]] std::string encode_ids(const std::vector<JobId>& ids);
[[nodiscard]] std::vector<JobId> decode_ids(Bytes row);

// Numbers, one after the other; for store.queues.
[[nodiscard]] std::string encode_numbers(const std::vector<std::uint64_t>& numbers);
[[nodiscard]] std::vector<std::uint64_t> decode_numbers(Bytes row);

// store.counters: the next sequence, then how many jobs are in each state, in the order of kStateCodes, then
// ClockChanged, if that is not 0: 2 * ms, or 2 * -ms + 1.
struct Counters {
  std::array<std::uint64_t, kJobStates> counts{};
  std::uint64_t next_sequence = 1;
  std::chrono::milliseconds clock_ahead{0};

  bool operator==(const Counters&) const = default;
};
[[nodiscard]] std::string encode_counters(const Counters& counters);
[[nodiscard]] Counters decode_counters(Bytes row);

}  // namespace zebu::broker
