#include "webfront/job_crowd.h"

#include "zebu/wire/codec.h"

#include <algorithm>
#include <utility>

namespace zebu::webfront {

JobCrowd::JobCrowd(Gateway& gateway, MayKeep may_keep, Interrupt& interrupt)
    : gateway_(gateway),
      may_keep_(std::move(may_keep)),
      pause_(gateway.session_.loop(), &interrupt),
      place_(gateway.waiting_.insert(gateway.waiting_.end(), &interrupt)) {}

JobCrowd::~JobCrowd() {
  gateway_.waiting_.erase(place_);
  for (const auto& [number, waiting] : members_) gateway_.session_.leave(waiting.ticket);
}

void JobCrowd::add(Member member, bool is_repeatable, JobRequest job) {
  if (!gateway_.is_up()) {
    ended_.push_back({std::move(member), tl::make_unexpected(gateway_.away()), 0});
    return;
  }
  const std::size_t number = next_number_++;
  Waiting& waiting = members_[number];
  waiting.is_ours = !is_repeatable && is_unshared(job);
  const JobId id = member.id;
  waiting.job = std::move(member);
  // The session tells of a job that it does not take also after leave().
  const std::weak_ptr<bool> alive = alive_;
  waiting.ticket = gateway_.session_.submit(
      id, std::move(job),
      [this, alive, number](const Result<JobId>& answer) {
        if (!alive.expired()) accepted(number, answer);
      },
      [this, alive, number](const Result<Outcome>& outcome) {
        if (!alive.expired()) end(number, outcome);
      });
}

void JobCrowd::accepted(std::size_t number, const Result<JobId>& answer) {
  const auto found = members_.find(number);
  // One that is refused ends as well.
  if (found == members_.end() || !answer) return;
  Waiting& waiting = found->second;
  waiting.job.is_accepted = true;
  if (*answer == waiting.job.id) return;
  waiting.job.is_attached = true;
  waiting.job.id = *answer;
  waiting.is_ours = false;
}

void JobCrowd::end(std::size_t number, const Result<Outcome>& outcome) {
  const auto found = members_.find(number);
  if (found == members_.end()) return;
  Ended ended{std::move(found->second.job), std::nullopt, 0};
  members_.erase(found);
  const std::size_t size = outcome ? wire_size(*outcome) : 0;
  if (may_keep_(kept_ + size)) {
    ended.bytes = size;
    ended.outcome = outcome;
    kept_ += size;
  }
  if (!outcome) gateway_.note_refusal(outcome.error());
  ended_.push_back(std::move(ended));
  pause_.wake();
}

boost::asio::awaitable<std::optional<JobCrowd::Ended>> JobCrowd::next(TimePoint deadline) {
  while (ended_.empty() && !members_.empty() && !pause_.is_interrupted() && Clock::now() < deadline) {
    co_await pause_.until(deadline);
  }
  if (ended_.empty()) co_return std::nullopt;
  Ended ended = std::move(ended_.front());
  ended_.pop_front();
  kept_ -= ended.bytes;
  static_cast<void>(may_keep_(kept_));
  co_return std::move(ended);
}

std::vector<JobCrowd::Member> JobCrowd::leave(bool is_unwanted) {
  std::vector<Member> left;
  for (auto& [number, waiting] : std::exchange(members_, {})) {
    gateway_.session_.leave(waiting.ticket);
    if (is_unwanted && waiting.is_ours) gateway_.session_.cancel(waiting.job.id);
    left.push_back(std::move(waiting.job));
  }
  std::sort(left.begin(), left.end(), [](const Member& one, const Member& other) { return one.line < other.line; });
  return left;
}

}  // namespace zebu::webfront
