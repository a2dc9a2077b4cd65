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
// A process that has not ended a stopped job so long after it should have is killed, whatever its mark says.
constexpr std::chrono::seconds kStopPatience{5};

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
  const auto is_overdue = [](const Stop& stop) { return stop.kill_at + kStopPatience <= Clock::now(); };
  // This loop may have been held up: what the child has said meanwhile counts.
  if (std::any_of(stops_.begin(), stops_.end(), is_overdue)) read_jobs(waiting_bytes(jobs_stream_.native_handle()));
  if (!child_ || kill_) return;
  const TimePoint now = Clock::now();
  const auto running = see().running;
  TimePoint next = TimePoint::max();
  for (const Stop& stop : stops_) {
    const bool is_running = running && running->id == stop.id;
    if ((is_running && stop.kill_at <= now) || is_overdue(stop)) return kill_child({stop.id, std::nullopt});
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
  if (!child_ || kill_) return;  // it is dying
  const auto running = see().running;
  if (!running || running->id != reached.id) return;  // it has ended in time
  const std::string id = reached.id.job.to_string();
  log_event(Event::slot_killed, {{"slot", *child_}, {"job", id}, {"attempt", reached.id.attempt}},
            "job {} has passed its hard limit of {}: slot process {} is killed", id, readable(reached.time), *child_);
  kill_child({reached.id, reached.time});
}

// Attempts that had begun end here. The others are returned, and can run elsewhere.
void ProcessSlot::handle_death(int wait_status) {
  const Death dead = death(wait_status);
  const pid_t pid = *std::exchange(child_, std::nullopt);
  close_streams();
  std::deque<Job> lost = std::exchange(jobs_, {});
  if (!kill_) {
    log_event(Event::slot_died, {{"slot", pid}}, "slot process {}: {}{}", pid, describe_exit(wait_status),
              is_ready_ || !options_.has_hooks ? "" : ", before it had run the hooks of on_start");
  }
  if (events_.died) events_.died(kill_.has_value());
  std::vector<Finished> ended = take_ended(lost, dead);
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

// If a task has written over the mark, the oldest job is taken to be the one that ran.
ProcessSlot::Death ProcessSlot::death(int wait_status) const {
  const Seen seen = see();
  if (!seen.is_garbled || jobs_.empty()) return {wait_status, mark_.get().last(), seen.running};
  const AttemptId& oldest = jobs_.front().id;
  return {wait_status, oldest, Running{oldest, Clock::now()}};
}

// Jobs begin in the order in which they were given. So every job before the last one that began has begun too, and its
// outcome was lost with the process.
std::vector<Finished> ProcessSlot::take_ended(std::deque<Job>& lost, const Death& death) {
  const AttemptId& last = death.last;
  bool has_begun = std::any_of(lost.begin(), lost.end(), [&](const Job& job) { return job.id == last; });
  std::vector<Finished> ended;
  std::erase_if(lost, [&](const Job& job) {
    const bool is_stopped =
        std::any_of(stops_.begin(), stops_.end(), [&](const Stop& stop) { return stop.id == job.id; });
    const bool is_lost = has_begun;
    if (job.id == last) has_begun = false;
    if (is_stopped) {
      ended.push_back({job.id, Outcome::cancelled(), job.task});
    } else if (is_lost) {
      ended.push_back({job.id, outcome_after_death(job.id, death), job.task});
    }
    return is_stopped || is_lost;
  });
  return ended;
}

Outcome ProcessSlot::crashed(int wait_status, bool has_run) const {
  std::string message = "the slot's process ";
  if (!kill_) {
    message += "died: " + describe_exit(wait_status);
  } else if (!kill_->why.empty()) {
    message += "was killed: " + kill_->why;
  } else {
    message += "was killed to end another job";
  }
  if (options_.memory) message += "; its memory is limited to " + readable_bytes(*options_.memory);
  if (!has_run) message += "; the job had ended, but its outcome was lost";
  return Outcome::failed({"zebu::Crash", std::move(message), last_lines(tail_), ErrorKind::crash});
}

Outcome ProcessSlot::outcome_after_death(const AttemptId& id, const Death& death) const {
  const bool has_run = death.running && death.running->id == id;
  const bool is_past_limit = kill_ && kill_->id == id && kill_->limit;
  Outcome outcome =
      is_past_limit ? past_hard_limit(*kill_->limit, last_lines(tail_)) : crashed(death.wait_status, has_run);
  if (has_run) {
    outcome.ran = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - death.running->since);
  }
  return outcome;
}

}  // namespace zebu::consumer
