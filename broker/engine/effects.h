#pragma once

#include "broker/engine/jobs/session_id.h"
#include "broker/records/reads.h"
#include "zebu/wire/message.h"

#include <deque>

namespace zebu::broker {

// The engine's decisions: records to persist, reads of the store, replies to send. They are values; only the texts of a
// ProgressReport are views, into the message that the engine was given or into `mended`.
//
// A reply with a `batch` may leave when that commit is durable, one without at once.
struct Effects {
  template <class T>
  struct To {
    SessionId session;
    T what;
    std::optional<BatchNumber> batch = {};
  };
  struct Accepted {
    SessionId session;
    JobId id;
    bool at_once;  // otherwise with the next message to that client or a moment later, unless its DONE comes first
    std::optional<BatchNumber> batch = {};
  };
  struct Kept {
    SessionId session;
    std::uint64_t count;
    std::vector<AttemptId> in_parts;  // outcomes that came in parts, since the last KEPT
    bool at_once;                     // otherwise with the next beat
  };
  struct Assigned {
    SharedSpec job;
    Uses uses;  // with this attempt
  };
  struct Done {
    JobId id;
    std::uint32_t attempt;
    SharedOutcome outcome;
  };
  struct Refusal {
    JobId id;
    Error why;
    std::string queue = {};  // for the log, as far as they could be read
    std::string task = {};
  };
  // Failed jobs of a queue that were forgotten in about the last second; for the log.
  struct ForgottenFailed {
    std::string queue;
    std::uint64_t too_old = 0;   // their time was up
    std::uint64_t too_many = 0;  // the queue had more than it may keep
  };
  // What befell a peer, for the log.
  struct PeerNews {
    enum class What { joined, left, lost, cut_off, replaced, not_back };
    What what;
    std::optional<message::Role> role;  // unset: not known, of one that has not come back after a restart
    std::string name;
    InstanceId instance;
    std::size_t jobs = 0;                 // of a consumer: that it brought (joined), keeps (cut_off), or had
    std::optional<JobId> suspect = {};    // the first of them that may have brought it down
    std::chrono::milliseconds silent{0};  // for so long
    std::string queues = {};              // of a consumer that joined, as its pool and slots
    std::string pool = {};
    std::uint32_t slots = 0;
  };
  // A move of a job, for the log. Failures are always told, others where the options say so.
  struct JobNews {
    enum class What { accepted, assigned, rescheduled, put_back, finished };
    What what;
    SharedSpec job;
    std::uint32_t attempt = 0;
    SharedText consumer = {};
    SharedOutcome outcome = {};
    std::chrono::milliseconds delay{0};
  };
  struct Complaint {  // an ERROR
    Error why;
    message::About about = {};
  };

  std::vector<Record> records;
  std::vector<Read> reads;
  std::vector<SessionId> welcomed;
  std::vector<To<Complaint>> errors;
  std::vector<Accepted> accepted;
  std::vector<To<Refusal>> refused;
  std::vector<To<message::Attachment>> attached;
  std::vector<To<JobId>> unknown;
  std::vector<To<message::EndingJob>> ending;
  std::vector<To<Done>> done;
  std::vector<To<Assigned>> assigned;
  std::vector<To<AttemptId>> stopped;
  std::vector<To<message::ProgressReport>> progressed;
  std::deque<Progress> mended;  // progress whose texts were ill-formed UTF-8
  std::vector<Kept> kept;
  std::vector<JobId> not_retried;             // new jobs of retry() whose unique key belongs to another job
  std::vector<SessionId> draining;            // consumers that are to drain
  std::vector<To<message::Drained>> drained;  // consumers that said DRAIN
  std::vector<SessionId> beats;
  std::vector<ForgottenFailed> forgotten_failed;
  std::vector<PeerNews> peer_news;
  std::vector<JobNews> job_news;
  std::vector<SessionId> ended;  // sessions that have ended; no other effect is for one of them

  // Whether there is something for the log.
  [[nodiscard]] bool has_news() const { return !peer_news.empty() || !job_news.empty() || !refused.empty(); }

  void clear() {
    records.clear();
    reads.clear();
    clear_replies();
  }
  // Clears all but records and reads. The lists keep their memory.
  void clear_replies() {
    const auto clear_all = [](auto&... lists) { (lists.clear(), ...); };
    clear_all(welcomed, errors, accepted, refused, attached, unknown, ending, done, assigned, stopped, progressed,
              mended, kept, not_retried, draining, drained, beats, forgotten_failed, peer_news, job_news, ended);
  }
};

}  // namespace zebu::broker
