#pragma once

#include "broker/engine/jobs/job.h"

#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace zebu::broker {

// Which clients are told of which job, whether the job is in memory or not. A job in memory carries its own list; those
// of jobs that are in the store only are kept here. A session's waits end with the session: lists drop sessions that
// are gone when they are used, and sweep() takes care of those that nobody uses.
class Waiters {
 public:
  void session_began(SessionId session) { present_.insert(session); }
  void session_ended(SessionId session) {
    if (present_.erase(session) > 0 && !absent_.empty()) swept_ = 0;
  }

  // To a job's own list; a session is in it once.
  void add(WaiterList& list, SessionId session) const;
  // To that of a job that is in the store only.
  void add_absent(const JobId& id, SessionId session) { add(absent_[id], session); }
  static void remove(WaiterList& list, SessionId session);
  void remove_absent(const JobId& id, SessionId session);

  // The job leaves memory, or comes back.
  void job_left(const JobId& id, WaiterList&& list);
  [[nodiscard]] WaiterList job_came(const JobId& id);

  // Those of the list that are still there.
  template <class Tell>
  void tell(const WaiterList& list, Tell&& tell) const {
    for (const SessionId session : list) {
      if (present_.contains(session)) tell(session);
    }
  }
  [[nodiscard]] bool is_present(SessionId session) const { return present_.contains(session); }

  // The session hears whether the job was accepted when its commit says so.
  void answer_when_settled(const JobId& id, SessionId session) { askers_[id] = session; }
  [[nodiscard]] std::optional<SessionId> take_asker(const JobId& id);

  // The session hears what became of its CANCEL when the job's commit says so.
  void answer_cancel_when_settled(const JobId& id, SessionId session) { cancellers_[id].push_back(session); }
  [[nodiscard]] WaiterList take_cancellers(const JobId& id);

  // Looks at up to `most` jobs that are in the store only and drops waits of sessions that are gone. True when there is
  // more to look at.
  bool sweep(std::size_t most);
  [[nodiscard]] std::size_t absent_jobs() const { return absent_.size(); }

 private:
  std::unordered_set<SessionId> present_;
  std::unordered_map<JobId, WaiterList> absent_;
  std::unordered_map<JobId, SessionId> askers_;
  std::unordered_map<JobId, WaiterList> cancellers_;
  std::optional<std::size_t> swept_;  // buckets of absent_ that sweep() has looked at; unset: no need
};

}  // namespace zebu::broker
