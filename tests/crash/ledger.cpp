#include "tests/crash/ledger.h"

#include <algorithm>
#include <set>

namespace zebu::crash {

void Ledger::add(const Heard& heard) {
  Job& job = jobs_[heard.id];
  job.is_accepted = true;
  if (heard.is_outcome) job.heard.push_back(heard.text);
}

void Ledger::add(const Begun& begun, bool lived) { jobs_[begun.job].attempts.push_back({begun, lived}); }

std::vector<JobId> Ledger::accepted() const {
  std::vector<JobId> ids;
  for (const auto& [id, job] : jobs_) {
    if (job.is_accepted) ids.push_back(id);
  }
  return ids;
}

std::vector<std::string> Ledger::complaints() const {
  std::vector<std::string> all;
  for (const auto& [id, job] : jobs_) {
    const std::string complaint = Ledger::complaint(job);
    if (!complaint.empty()) all.push_back(complaint + "\n" + described(id, job));
  }
  return all;
}

std::string Ledger::complaint(const Job& job) {
  if (job.plan) {
    if (!job.is_accepted) return "it was never accepted";
    if (const auto wrong = complaint_about_outcome(job, *job.plan); !wrong.empty()) return wrong;
    if (job.plan->kind == Kind::early && job.attempts.size() > 1) return "it is at most once, and ran more often";
  }
  return complaint_about_attempts(job.attempts);
}

std::string Ledger::complaint_about_outcome(const Job& job, const PlannedJob& plan) {
  if (job.heard.empty()) return "its producer heard no outcome";
  for (const std::string& heard : job.heard) {
    if (heard != job.last) return "its outcome has changed";
  }
  if (job.last.starts_with("cancelled")) return plan.kind == Kind::unwanted ? "" : "nobody cancelled it";
  const bool is_named = std::any_of(job.attempts.begin(), job.attempts.end(), [&](const Attempt& attempt) {
    return job.last.ends_with(" " + attempt.begun.mark);
  });
  if (job.last.starts_with("succeeded")) {
    if (plan.kind == Kind::failing) return "it fails, and has succeeded";
    return is_named ? "" : "no attempt had its result";
  }
  if (!job.last.starts_with("failed")) return "it has no final state";
  if (plan.kind == Kind::failing) return is_named ? "" : "no attempt failed in this way";
  // An attempt that was lost with its consumer is not repeated.
  return plan.kind == Kind::early ? "" : "it has failed";
}

// A consumer that lived begins no attempt twice, and what succeeded there is not begun again by anybody.
std::string Ledger::complaint_about_attempts(std::vector<Attempt> attempts) {
  std::sort(attempts.begin(), attempts.end(),
            [](const Attempt& a, const Attempt& b) { return a.begun.nanoseconds < b.begun.nanoseconds; });
  std::set<std::uint32_t> lived;
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    const Attempt& attempt = attempts[i];
    if (!attempt.lived) continue;
    if (!lived.insert(attempt.begun.attempt).second) return "consumers that lived began an attempt twice";
    if (!attempt.begun.is_to_fail && i + 1 < attempts.size()) return "it ran again, though its consumer lived";
  }
  return {};
}

std::string Ledger::described(const JobId& id, const Job& job) {
  std::string text = "  job " + id.to_string();
  if (job.plan) text += ", kind " + std::to_string(static_cast<int>(job.plan->kind));
  for (const std::string& heard : job.heard) text += "\n  heard: " + heard;
  text += "\n  the broker says: " + job.last;
  for (const Attempt& attempt : job.attempts) {
    text += "\n  attempt " + std::to_string(attempt.begun.attempt) + " as " + attempt.begun.mark + " at " +
            std::to_string(attempt.begun.nanoseconds) + (attempt.lived ? "" : ", killed later");
  }
  return text;
}

}  // namespace zebu::crash
