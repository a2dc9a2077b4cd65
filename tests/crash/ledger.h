#pragma once

#include "tests/crash/plan.h"

#include <map>
#include <string>
#include <vector>

namespace zebu::crash {

// All that was written down about the jobs of a round, and what is wrong with it.
class Ledger {
 public:
  void add(const PlannedJob& job) { jobs_[job.id].plan = job; }
  void add(const Heard& heard);
  // lived: the consumer was not killed after it.
  void add(const Begun& begun, bool lived);
  // Of those that were accepted; what the broker says in the end.
  [[nodiscard]] std::vector<JobId> accepted() const;
  void add_last(const JobId& id, std::string outcome) { jobs_[id].last = std::move(outcome); }

  // A line for each job of which something is wrong.
  [[nodiscard]] std::vector<std::string> complaints() const;

 private:
  struct Attempt {
    Begun begun;
    bool lived = false;
  };
  struct Job {
    std::optional<PlannedJob> plan;  // nothing: one of the map's
    bool is_accepted = false;
    std::vector<std::string> heard;  // outcomes
    std::vector<Attempt> attempts;
    std::string last;
  };

  [[nodiscard]] static std::string complaint(const Job& job);
  [[nodiscard]] static std::string complaint_about_outcome(const Job& job, const PlannedJob& plan);
  [[nodiscard]] static std::string complaint_about_attempts(std::vector<Attempt> attempts);
  [[nodiscard]] static std::string described(const JobId& id, const Job& job);

  std::map<JobId, Job> jobs_;
};

}  // namespace zebu::crash
