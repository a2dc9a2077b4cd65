#include <utility>
// <utility> first: Boost 1.74's Asio uses std::exchange without including it.
#include "process_slot.h"

#include <spdlog/spdlog.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <iterator>
#include <sstream>

namespace zebu::consumer {
namespace {

using boost::system::error_code;

constexpr std::size_t kTailLines = 10;
constexpr std::chrono::milliseconds kFirstDelay{100};
constexpr std::chrono::milliseconds kLongestDelay{5000};
// How often a process is looked at whose job was stopped, but has not begun by then.
constexpr std::chrono::milliseconds kStopPace{100};

std::vector<std::string> last_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(std::move(line));
  if (lines.size() > kTailLines) lines.erase(lines.begin(), lines.end() - kTailLines);
  return lines;
}

}  // namespace

ProcessSlot::ProcessSlot(boost::asio::io_context& loop, const SlotEvents& events, const ProcessSlotOptions& options,
                         SharedMark mark)
    : loop_(loop),
      events_(events),
      options_(options),
      mark_(std::move(mark)),
      socket_(loop),
      output_(loop),
      deaths_(loop, SIGCHLD),
      restart_(loop),
      stop_timer_(loop) {
  watch_death();
  start();
}

ProcessSlot::~ProcessSlot() {
  if (child_.pid == 0) return;
  ::kill(child_.pid, SIGKILL);
  ::waitpid(child_.pid, nullptr, 0);
}

void ProcessSlot::give(std::vector<Job> jobs) {
  Batch batch(message::Type::assign);
  for (Job& job : jobs) {
    batch.add(message::Assignment{job.id.job, job.id.attempt, job.task->name, job.queue, job.args, {}});
    jobs_.push_back(std::move(job));
  }
  append_frame(outgoing_, batch.finish());
  write();
}

void ProcessSlot::recall() {
  append_frame(outgoing_, encode(message::Return{}));
  write();
}

void ProcessSlot::stop(const AttemptId& id) {
  const auto job = find(id);
  if (job == jobs_.end()) return;
  append_frame(outgoing_, encode(message::Stop{{id}}));
  write();
  stops_.push_back(
      {id, Clock::now() + (job->task->sees_cancel ? options_.cancel_grace : std::chrono::milliseconds(0))});
  watch_stops();
}

void ProcessSlot::list(std::vector<AttemptId>& into) const {
  for (const Job& job : jobs_) into.push_back(job.id);
}

// ── the child's life ────────────────────────────────────────────────────────────────────────────────────────────────

void ProcessSlot::start() {
  mark_.get().end();
  auto child = start_child(options_.program, mark_);
  if (!child) {
    spdlog::error("a slot has no process: {}", child.error().message);
    return start_later();
  }
  child_ = std::move(*child);
  incoming_ = {};
  outgoing_.clear();
  tail_.clear();
  is_writing_ = has_worked_ = is_killed_for_stop_ = false;
  socket_.assign(child_.socket.release());
  output_.assign(child_.output.release());
  socket_.non_blocking(true);
  output_.non_blocking(true);
  watch_socket();
  watch_output();
  events_.ready();
}

void ProcessSlot::start_later() {
  restart_delay_ = std::clamp(restart_delay_ * 2, kFirstDelay, kLongestDelay);
  restart_.expires_after(restart_delay_);
  restart_.async_wait([this](const error_code& error) {
    if (!error) start();
  });
}

void ProcessSlot::watch_death() {
  deaths_.async_wait([this](const error_code& error, int) {
    if (error) return;
    watch_death();
    reap();
  });
}

void ProcessSlot::reap() {
  int status = 0;
  if (child_.pid == 0 || ::waitpid(child_.pid, &status, WNOHANG) != child_.pid) return;
  // What it said before it died still counts.
  read_socket();
  read_output();
  bury(status);
}

// Who the process died with, and who died with it: those end here. The others have lost nothing but time.
void ProcessSlot::bury(int wait_status) {
  const pid_t pid = std::exchange(child_.pid, 0);
  error_code ignored;
  socket_.close(ignored);
  output_.close(ignored);
  stop_timer_.cancel();
  std::deque<Job> lost = std::exchange(jobs_, {});
  if (!is_killed_for_stop_) spdlog::warn("slot process {}: {}", pid, describe_exit(wait_status));
  std::vector<Finished> ended = take_ended(lost, wait_status);
  stops_.clear();
  if (has_worked_ || is_killed_for_stop_ || !ended.empty()) {
    restart_delay_ = std::chrono::milliseconds(0);
    start();
  } else {
    start_later();
  }
  if (!ended.empty()) events_.finished(*this, std::move(ended));
  if (!lost.empty()) events_.returned(*this, {std::move_iterator(lost.begin()), std::move_iterator(lost.end())});
}

// A stopped job ends as cancelled. Otherwise the one that ran has crashed; but if the process was killed for a stop,
// what runs now is another one, which is not to blame.
std::vector<Finished> ProcessSlot::take_ended(std::deque<Job>& lost, int wait_status) {
  const std::optional<AttemptId> running = is_killed_for_stop_ ? std::nullopt : mark_.get().read();
  std::vector<Finished> ended;
  std::erase_if(lost, [&](const Job& job) {
    if (std::any_of(stops_.begin(), stops_.end(), [&](const Stop& stop) { return stop.id == job.id; })) {
      ended.push_back({job.id, Outcome{}});
    } else if (running == job.id) {
      ended.push_back({job.id, epitaph(wait_status)});
    } else {
      return false;
    }
    return true;
  });
  return ended;
}

Outcome ProcessSlot::epitaph(int wait_status) const {
  Outcome outcome;
  outcome.state = JobState::failed;
  outcome.error = {"zebu::Crash", "the slot's process died: " + describe_exit(wait_status), last_lines(tail_)};
  outcome.ran = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - mark_.get().started_at());
  return outcome;
}

// ── stops ───────────────────────────────────────────────────────────────────────────────────────────────────────────

// The child cancels a job that has not begun, and fires the token of one that runs. A task that does not heed it, or
// cannot see it, is ended with its process.
void ProcessSlot::watch_stops() {
  const TimePoint now = Clock::now();
  const auto running = mark_.get().read();
  TimePoint next = TimePoint::max();
  for (Stop& stop : stops_) {
    if (stop.kill_at <= now && running == stop.id) {
      is_killed_for_stop_ = true;
      ::kill(child_.pid, SIGKILL);
      return;
    }
    next = std::min(next, std::max(stop.kill_at, now + kStopPace));
  }
  if (stops_.empty()) return;
  stop_timer_.expires_at(next);
  stop_timer_.async_wait([this](const error_code& error) {
    if (!error) watch_stops();
  });
}

std::deque<Job>::iterator ProcessSlot::find(const AttemptId& id) {
  return std::find_if(jobs_.begin(), jobs_.end(), [&](const Job& job) { return job.id == id; });
}

}  // namespace zebu::consumer
