#pragma once

#include "webfront/gateway.h"
#include "zebu/awaitable.h"

#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace zebu::webfront {

// Jobs that one coroutine submits and waits for, and takes in the order in which they end.
//
// One thread, the loop's. The gateway and the interrupt outlive it.
class JobCrowd {
 public:
  // Whether so many bytes of outcomes may be kept until the coroutine takes them.
  using MayKeep = std::function<bool(std::size_t)>;

  JobCrowd(Gateway& gateway, MayKeep may_keep, Interrupt& interrupt);
  ~JobCrowd();
  JobCrowd(const JobCrowd&) = delete;
  JobCrowd& operator=(const JobCrowd&) = delete;

  struct Member {
    std::size_t line = 0;               // by which the caller knows it
    JobId id = {};                      // of the job that is waited for: an earlier one's, if that holds the unique key
    JobState state = JobState::queued;  // when it is accepted
    bool is_attached = false;
    bool is_accepted = false;  // the broker has said that it has it
  };
  // is_repeatable: as in Gateway::Submission.
  void add(Member member, bool is_repeatable, JobRequest job);
  // How many have not been taken.
  [[nodiscard]] std::size_t size() const { return members_.size() + ended_.size(); }

  // next() has one at once.
  [[nodiscard]] bool has_ended() const { return !ended_.empty(); }
  struct Ended {
    Member job;
    // An error: the broker does not have it. nullopt: there is no room for the outcome.
    std::optional<Result<Outcome>> outcome;
    std::size_t bytes;
  };
  // Waits for the next one that ends. nullopt: the deadline has passed, the interrupt is raised, or there is none.
  [[nodiscard]] boost::asio::awaitable<std::optional<Ended>> next(TimePoint deadline);

  // Waits for none of them any more, and says which they were, in the order of their lines. is_unwanted: nobody reads
  // their outcomes, so those that are transient and not shared are cancelled.
  std::vector<Member> leave(bool is_unwanted);

 private:
  struct Waiting {
    Member job = {};
    ClientSession::Ticket ticket = {};
    bool is_ours = false;
  };

  void accepted(std::size_t number, const Result<JobId>& answer);
  void end(std::size_t number, const Result<Outcome>& outcome);

  Gateway& gateway_;
  MayKeep may_keep_;
  Pause pause_;
  std::list<Interrupt*>::iterator place_;  // among those that a long absence of the broker ends
  std::unordered_map<std::size_t, Waiting> members_;
  std::deque<Ended> ended_;
  std::size_t kept_ = 0;  // bytes of outcomes in ended_
  std::size_t next_number_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace zebu::webfront
