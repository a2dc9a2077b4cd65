#include "tests/crash/ledger.h"

#include <algorithm>
#include <set>

namespace zebu::crash {

void Ledger::add(const Heard& heard) {
  Job& job = jobs_[heard.id];
  if (heard.what == Heard::What::submitted) {
    // Who was killed submits it again.
    if (!job.submitted) job.submitted = std::stoll(heard.text);
    return;
  }
  job.is_accepted = true;
  if (heard.what == Heard::What::outcome) job.heard.push_back(heard.text);
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
    const std::string wrong = complaint(job);
    if (!wrong.empty()) all.push_back(wrong + "\n" + described(id, job));
  }
  return all;
}

std::string Ledger::complaint(const Job& job) const {
  if (job.plan) {
    if (!job.is_accepted) return "it was never accepted";
    if (auto wrong = complaint_about_outcome(job, *job.plan); !wrong.empty()) return wrong;
    if (auto wrong = complaint_about_time(job, *job.plan); !wrong.empty()) return wrong;
    if (job.plan->kind == Kind::early && job.attempts.size() > 1) return "it is at most once, and ran more often";
  }
  if (all_lived_ && job.blame > 0) return "a loss or a crash is counted, and all consumers lived";
  return complaint_about_attempts(job.attempts);
}

// A delay is relative: whatever happens to the wall clock, it is not shorter.
std::string Ledger::complaint_about_time(const Job& job, const PlannedJob& plan) {
  constexpr std::int64_t kMillisecond = 1'000'000;
  if (!job.submitted) return {};
  const std::int64_t due = *job.submitted + std::int64_t{plan.delay_ms} * kMillisecond;
  const bool is_too_early = std::any_of(job.attempts.begin(), job.attempts.end(), [&](const Attempt& attempt) {
    return attempt.begun.nanoseconds < due - kMillisecond;  // times on the wire have whole milliseconds
  });
  return is_too_early ? "it began before its delay had passed" : "";
}

std::string Ledger::complaint_about_outcome(const Job& job, const PlannedJob& plan) const {
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
  if (job.last.starts_with("expired")) return "it has expired";
  if (!job.last.starts_with("failed")) return "it has no final state";
  if (plan.kind == Kind::failing) return is_named ? "" : "no attempt failed in this way";
  // An attempt that was lost with its consumer is not repeated.
  return plan.kind == Kind::early && !all_lived_ ? "" : "it has failed";
}

// A consumer that lived begins no attempt twice, and what succeeded there is not begun again by anybody. But one that
// was silent may begin late what it was given long ago, and has been taken from it since.
std::string Ledger::complaint_about_attempts(std::vector<Attempt> attempts) {
  std::sort(attempts.begin(), attempts.end(),
            [](const Attempt& a, const Attempt& b) { return a.begun.nanoseconds < b.begun.nanoseconds; });
  std::set<std::uint32_t> lived;
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    const Attempt& attempt = attempts[i];
    if (!attempt.lived) continue;
    if (!lived.insert(attempt.begun.attempt).second) return "consumers that lived began an attempt twice";
    const auto next =
        std::find_if(attempts.begin() + static_cast<std::ptrdiff_t>(i) + 1, attempts.end(),
                     [&](const Attempt& later) { return later.lived || later.begun.attempt >= attempt.begun.attempt; });
    if (next == attempts.end()) continue;
    if (!attempt.begun.is_to_fail) return "it ran again, though its consumer lived";
    const auto& end = attempt.begun.end;
    if (!end || *end > next->begun.nanoseconds) return "it ran twice at once, though its consumer lived";
  }
  return {};
}

std::string Ledger::described(const JobId& id, const Job& job) {
  std::string text = "  job " + id.to_string();
  if (job.plan) text += ", kind " + std::to_string(static_cast<int>(job.plan->kind));
  if (job.blame > 0) text += ", " + std::to_string(job.blame) + " losses or crashes";
  for (const std::string& heard : job.heard) text += "\n  heard: " + heard;
  text += "\n  the broker says: " + job.last;
  for (const Attempt& attempt : job.attempts) {
    text += "\n  attempt " + std::to_string(attempt.begun.attempt) + " as " + attempt.begun.mark + " at " +
            std::to_string(attempt.begun.nanoseconds);
    if (attempt.begun.end) text += " until " + std::to_string(*attempt.begun.end);
    if (!attempt.lived) text += ", in a consumer that was killed or silent";
  }
  return text;
}

}  // namespace zebu::crash
