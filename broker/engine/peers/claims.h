#pragma once

#include "broker/engine/jobs/claim.h"
#include "broker/engine/jobs/job.h"

#include <unordered_map>
#include <utility>
#include <vector>

namespace zebu::broker {

// What a consumer that returns may keep, and the claims that cannot be decided yet or were refused.
class Claims {
 public:
  // What is known of the consumer.
  struct Claimant {
    InstanceId instance;
    bool is_late;  // ConsumerChanged
  };

  // Sequences from there on were given by this broker: it knows every attempt of those jobs.
  void restored_below(std::uint64_t sequence) { restored_below_ = sequence; }

  // Whether it holds the attempt: the job was not given to another consumer since. So the attempt is the newest that is
  // known, and was given to this consumer; or it is newer than that, because the broker was restarted before a record
  // told of its start, and the consumer is not late.
  [[nodiscard]] bool may_keep(const Job& job, const Claimant& who, std::uint32_t attempt) const;

  // Of a fresh job: it was submitted once more before its consumer came back. Its commit will say whether it is there.
  void too_early(const Claim& claim) { early_.push_back(claim); }
  [[nodiscard]] std::vector<Claim> take_early() { return std::exchange(early_, {}); }
  // The store was asked, or has answered.
  void asked() { ++asked_; }
  void answered() { --asked_; }
  [[nodiscard]] bool has_open() const { return asked_ > 0 || !early_.empty(); }

  // A claim that was refused: as long as its session lives it may say the attempt's outcome. The job may be unknown (a
  // transient one of a broker before, or forgotten) and submitted again: its attempts go on from there.
  void refuse(const Claim& claim) { strays_.emplace(claim.run.job, claim); }
  void session_ended(SessionId session) {
    std::erase_if(strays_, [&](const auto& stray) { return stray.second.session == session; });
  }
  // The job's attempts go on behind refused ones. True when there is one.
  bool skip_strays(Job& job) const;

 private:
  std::uint64_t restored_below_ = 1;
  std::vector<Claim> early_;
  std::size_t asked_ = 0;
  std::unordered_multimap<JobId, Claim> strays_;
};

}  // namespace zebu::broker
