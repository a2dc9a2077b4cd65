#pragma once

#include "broker/engine/jobs/job.h"

#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace zebu::broker {

// Which clients wait for which job. A job in memory has its own list; the lists of jobs that are in the store only are
// kept here. A session's waits end with the session: a list drops ended sessions when it is used, and sweep() cleans
// the lists that are not used.
class Waiters {
 public:
  void session_began(SessionId session) { present_.insert(session); }
  void session_ended(SessionId session) {
    if (present_.erase(session) > 0 && !absent_.empty()) swept_ = 0;
  }

  // Adds to a job's own list. A session is in it at most once.
  void add(WaiterList& list, SessionId session) const;
  // Adds to the list of a job that is in the store only.
  void add_absent(const JobId& id, SessionId session) { add(absent_[id], session); }
  static void remove(WaiterList& list, SessionId session);
  void remove_absent(const JobId& id, SessionId session);

  // The job leaves memory, or comes back.
  void job_left(const JobId& id, WaiterList&& list);
  [[nodiscard]] WaiterList job_came(const JobId& id);

  // Calls tell(session) for each session of the list that has not ended.
  template <class Tell>
  void tell(const WaiterList& list, Tell&& tell) const {
    for (const SessionId session : list) {
      if (present_.contains(session)) tell(session);
    }
  }
  [[nodiscard]] bool is_present(SessionId session) const { return present_.contains(session); }

  // The session gets the answer whether the job was accepted once its commit is done.
  void answer_when_settled(const JobId& id, SessionId session) { askers_[id] = session; }
  [[nodiscard]] std::optional<SessionId> take_asker(const JobId& id);

  // The session hears what became of its CANCEL when the job's commit says so.
  void answer_cancel_when_settled(const JobId& id, SessionId session) { cancellers_[id].push_back(session); }
  [[nodiscard]] WaiterList take_cancellers(const JobId& id);

  // Checks the lists of up to `most` jobs and drops ended sessions. True if there are more to check.
  bool sweep(std::size_t most);
  [[nodiscard]] std::size_t absent_jobs() const { return absent_.size(); }

 private:
  std::unordered_set<SessionId> present_;
  std::unordered_map<JobId, WaiterList> absent_;
  std::unordered_map<JobId, SessionId> askers_;
  std::unordered_map<JobId, WaiterList> cancellers_;
  std::optional<std::size_t> swept_;  // buckets of absent_ that sweep() has checked; unset: no sweep is needed
};

}  // namespace zebu::broker
