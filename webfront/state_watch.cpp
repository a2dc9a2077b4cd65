#include "webfront/state_watch.h"

#include <algorithm>

namespace zebu::webfront {
namespace {

// Until the broker is asked again after it has not answered.
constexpr std::chrono::milliseconds kAgain{1'000};

bool is_same(const json::JobGlance& one, const json::JobGlance& other) {
  return one.state == other.state && one.attempt == other.attempt;
}

}  // namespace

std::uint64_t StateWatch::join(const JobId& job, const json::JobGlance& known, Changed changed) {
  const std::uint64_t number = next_number_++;
  Watched& watched = watched_[number];
  watched.job = job;
  watched.known = known;
  watched.changed = std::move(changed);
  schedule(number, watched, kFirst);
  wait();
  return number;
}

void StateWatch::note(std::uint64_t number, const json::JobGlance& known) {
  const auto found = watched_.find(number);
  if (found == watched_.end() || is_same(found->second.known, known)) return;
  found->second.known = known;
  schedule(number, found->second, kFirst);
  wait();
}

void StateWatch::leave(std::uint64_t number) {
  const auto found = watched_.find(number);
  if (found == watched_.end()) return;
  due_.erase({found->second.due, number});
  watched_.erase(found);
  if (!watched_.empty()) return;
  waits_for_.reset();
  timer_.cancel();
}

void StateWatch::close() {
  is_closed_ = true;
  timer_.cancel();
}

void StateWatch::schedule(std::uint64_t number, Watched& watched, std::chrono::milliseconds interval) {
  due_.erase({watched.due, number});
  watched.interval = interval;
  watched.due = Clock::now() + interval;
  due_.emplace(watched.due, number);
}

void StateWatch::wait() {
  if (is_asking_ || is_closed_ || due_.empty()) return;
  const TimePoint next = std::max(due_.begin()->first, not_before_);
  if (waits_for_ == next) return;
  waits_for_ = next;
  timer_.expires_at(next);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    waits_for_.reset();
    if (!is_asking_ && !is_closed_) ask();
  });
}

void StateWatch::ask() {
  std::vector<std::uint64_t> asked;
  Params params;
  const TimePoint now = Clock::now();
  for (const auto& [due, number] : due_) {
    if (due > now || asked.size() >= together_) break;
    asked.push_back(number);
    params.ids.push_back(watched_.at(number).job);
  }
  if (asked.empty()) return wait();
  is_asking_ = true;
  session_.query("jobs", std::move(params), [this, asked = std::move(asked)](const Result<std::string>& answer) {
    is_asking_ = false;
    take(asked, answer);
    wait();
  });
}

void StateWatch::take(const std::vector<std::uint64_t>& asked, const Result<std::string>& answer) {
  not_before_ = Clock::now() + pay_for(asked.size(), answer);
  if (!answer) {
    // Others do not wait for one whose answer is too large.
    const bool is_too_large = answer.error().code == ErrorCode::too_large && asked.size() == 1;
    const auto found = is_too_large ? watched_.find(asked.front()) : watched_.end();
    if (found != watched_.end()) schedule(found->first, found->second, kLongest);
    return;
  }
  const auto glances = json::job_glances(*answer);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto found = watched_.find(asked[i]);
    if (found == watched_.end()) continue;
    Watched& watched = found->second;
    const bool is_told = glances && i < glances->size() && (*glances)[i].has_value();
    if (!is_told || is_same(*(*glances)[i], watched.known)) {
      schedule(asked[i], watched, std::min(2 * watched.interval, kLongest));
      continue;
    }
    watched.known = *(*glances)[i];
    schedule(asked[i], watched, kFirst);
    watched.changed(watched.known);
  }
}

std::chrono::milliseconds StateWatch::pay_for(std::size_t jobs, const Result<std::string>& answer) {
  if (answer) {
    together_ = std::min(2 * together_, kTogether);
    return std::chrono::milliseconds(answer->size() * 1000 / kBytesPerSecond);
  }
  if (answer.error().code == ErrorCode::too_large) together_ = std::max<std::size_t>(1, jobs / 2);
  return kAgain;
}

}  // namespace zebu::webfront
