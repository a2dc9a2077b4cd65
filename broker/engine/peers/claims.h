#pragma once

#include "broker/engine/jobs/claim.h"
#include "broker/engine/jobs/job.h"

#include <unordered_map>
#include <utility>
#include <vector>

namespace zebu::broker {

// Which attempts a returning consumer may keep, and the claims that are undecided or were refused.
class Claims {
 public:
  // The consumer that claims an attempt.
  struct Claimant {
    InstanceId instance;
    bool is_late;  // ConsumerChanged
  };

  // This broker has assigned the sequences from `sequence` on, so it knows every attempt of those jobs.
  void restored_below(std::uint64_t sequence) { restored_below_ = sequence; }

  // Whether the consumer still holds the attempt, because the job was not assigned to another one since. Either it is
  // the newest known attempt and was assigned to this consumer; or it is newer, because the broker was restarted before
  // the attempt was recorded, and the consumer is not late.
  [[nodiscard]] bool may_keep(const Job& job, const Claimant& who, std::uint32_t attempt) const;

  // A claim to a fresh job, which was submitted again before its consumer came back. The commit will show whether the
  // store has it.
  void too_early(const Claim& claim) { early_.push_back(claim); }
  [[nodiscard]] std::vector<Claim> take_early() { return std::exchange(early_, {}); }
  // The store was asked, or has answered.
  void asked() { ++asked_; }
  void answered() { --asked_; }
  [[nodiscard]] bool has_open() const { return asked_ > 0 || !early_.empty(); }

  // A refused claim: until its session ends, the outcome of the attempt may still arrive. The job may be unknown (a
  // transient one of an earlier broker, or forgotten) and be submitted again: its attempts are then numbered from
  // there.
  void refuse(const Claim& claim) { strays_.emplace(claim.run.job, claim); }
  void session_ended(SessionId session) {
    std::erase_if(strays_, [&](const auto& stray) { return stray.second.session == session; });
  }
  // Numbers the job's next attempt above all refused ones. True if there is one.
  bool skip_strays(Job& job) const;

 private:
  std::uint64_t restored_below_ = 1;
  std::vector<Claim> early_;
  std::size_t asked_ = 0;
  std::unordered_multimap<JobId, Claim> strays_;
};

}  // namespace zebu::broker
