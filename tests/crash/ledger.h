#pragma once

#include "tests/crash/plan.h"

#include <map>
#include <string>
#include <vector>

namespace zebu::crash {

// All that was written down about the jobs of a round, and what is wrong with it.
class Ledger {
 public:
  // all_lived: no consumer was killed or silent for long, so that no job has an excuse.
  explicit Ledger(bool all_lived) : all_lived_(all_lived) {}

  void add(const PlannedJob& job) { jobs_[job.id].plan = job; }
  void add(const Heard& heard);
  // lived: the consumer was neither killed nor silent for long.
  void add(const Begun& begun, bool lived);
  // Of those that were accepted; what the broker says in the end.
  [[nodiscard]] std::vector<JobId> accepted() const;
  void add_last(const JobId& id, std::string outcome) { jobs_[id].last = std::move(outcome); }
  // How many attempts of it were lost or crashed, as the broker says in the end.
  void add_blame(const JobId& id, std::uint32_t count) { jobs_[id].blame = count; }

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
    std::optional<std::int64_t> submitted;  // of a late one
    std::vector<std::string> heard;         // outcomes
    std::vector<Attempt> attempts;
    std::string last;
    std::uint32_t blame = 0;
  };

  [[nodiscard]] std::string complaint(const Job& job) const;
  [[nodiscard]] std::string complaint_about_outcome(const Job& job, const PlannedJob& plan) const;
  [[nodiscard]] static std::string complaint_about_time(const Job& job, const PlannedJob& plan);
  [[nodiscard]] static std::string complaint_about_attempts(std::vector<Attempt> attempts);
  [[nodiscard]] static std::string described(const JobId& id, const Job& job);

  bool all_lived_;
  std::map<JobId, Job> jobs_;
};

}  // namespace zebu::crash
