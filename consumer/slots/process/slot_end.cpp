#include "consumer/slots/process/slot.h"
#include "consumer/slots/run_task.h"
#include "consumer/slots/units.h"
#include "zebu/program/log.h"
#include "zebu/utf8.h"

#include <algorithm>
#include <csignal>
#include <iterator>
#include <sstream>

// Attempts that do not end by themselves: they are stopped, reach a limit, or lose their process.
namespace zebu::consumer {
namespace {

using boost::system::error_code;

constexpr std::size_t kTailLines = 10;
// How often to check a process whose stopped job has not begun yet.
constexpr std::chrono::milliseconds kStopPace{100};

std::vector<std::string> last_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(mended_utf8(line));
  if (lines.size() > kTailLines) lines.erase(lines.begin(), lines.end() - kTailLines);
  return lines;
}

}  // namespace

// The child cancels a job that has not begun, and fires the token of one that runs. If the task ignores its token or
// cannot see it, the process is killed. A job may arrive after its STOP if the stream of jobs is full, so STOP is
// repeated.
void ProcessSlot::watch_stops() {
  const TimePoint now = Clock::now();
  const auto running = mark_.get().read();
  TimePoint next = TimePoint::max();
  for (const Stop& stop : stops_) {
    const bool is_running = running && running->id == stop.id;
    if (is_running && stop.kill_at <= now) {
      kill_ = Kill{stop.id, std::nullopt};
      ::kill(*child_, SIGKILL);
      return;
    }
    next = std::min(next, is_running ? stop.kill_at : now + kStopPace);
  }
  if (stops_.empty()) return;
  stop_timer_.expires_at(next);
  stop_timer_.async_wait([this](const error_code& error) {
    if (error) return;
    for (const Stop& stop : stops_) order(protocol::Stop{stop.id});
    watch_stops();
  });
}

void ProcessSlot::reach(const LimitWatch::Reached& reached) {
  if (reached.limit == LimitWatch::Limit::soft) {
    return order(protocol::SoftLimit{reached.id});
  }
  const auto running = mark_.get().read();
  if (!child_ || kill_ || !running || running->id != reached.id) return;  // it is dying, or has ended in time
  spdlog::warn("job {} has passed its hard limit of {}: slot process {} is killed", reached.id.job.to_string(),
               readable(reached.time), *child_);
  kill_ = Kill{reached.id, reached.time};
  ::kill(*child_, SIGKILL);
}

// Attempts that had begun end here. The others are returned, and can run elsewhere.
void ProcessSlot::handle_death(int wait_status) {
  const pid_t pid = *std::exchange(child_, std::nullopt);
  close_streams();
  std::deque<Job> lost = std::exchange(jobs_, {});
  if (!kill_) spdlog::warn("slot process {}: {}", pid, describe_exit(wait_status));
  std::vector<Finished> ended = take_ended(lost, wait_status);
  stops_.clear();
  if (has_worked_ || kill_ || !ended.empty()) {
    restart_delay_ = std::chrono::milliseconds(0);
    start();
  } else {
    start_later();
  }
  if (!ended.empty()) events_.finished(*this, std::move(ended));
  if (!lost.empty()) events_.returned(*this, {std::move_iterator(lost.begin()), std::move_iterator(lost.end())});
}

// Jobs begin in the order in which they were given. So every job before the last one that began has begun too, and its
// outcome was lost with the process.
std::vector<Finished> ProcessSlot::take_ended(std::deque<Job>& lost, int wait_status) {
  const AttemptId last = mark_.get().last();
  bool has_begun = std::any_of(lost.begin(), lost.end(), [&](const Job& job) { return job.id == last; });
  std::vector<Finished> ended;
  std::erase_if(lost, [&](const Job& job) {
    const bool is_stopped =
        std::any_of(stops_.begin(), stops_.end(), [&](const Stop& stop) { return stop.id == job.id; });
    const bool is_lost = has_begun;
    if (job.id == last) has_begun = false;
    if (is_stopped) {
      ended.push_back({job.id, Outcome::cancelled()});
    } else if (is_lost) {
      ended.push_back({job.id, outcome_after_death(job.id, wait_status)});
    }
    return is_stopped || is_lost;
  });
  return ended;
}

Outcome ProcessSlot::crashed(int wait_status, bool has_run) const {
  std::string message =
      "the slot's process " + (kill_ ? "was killed to end another job" : "died: " + describe_exit(wait_status));
  if (options_.memory) message += "; its memory is limited to " + readable_bytes(*options_.memory);
  if (!has_run) message += "; the job had ended, but its outcome was lost";
  return Outcome::failed({"zebu::Crash", std::move(message), last_lines(tail_), ErrorKind::crash});
}

Outcome ProcessSlot::outcome_after_death(const AttemptId& id, int wait_status) const {
  const auto running = mark_.get().read();
  const bool has_run = running && running->id == id;
  const bool is_past_limit = kill_ && kill_->id == id && kill_->limit;
  Outcome outcome = is_past_limit ? past_hard_limit(*kill_->limit, last_lines(tail_)) : crashed(wait_status, has_run);
  if (has_run) outcome.ran = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - running->since);
  return outcome;
}

}  // namespace zebu::consumer
