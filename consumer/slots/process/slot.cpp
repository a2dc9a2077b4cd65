#include "consumer/slots/process/slot.h"

#include "zebu/program/log.h"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <limits>

namespace zebu::consumer {
namespace {

using boost::system::error_code;

constexpr std::chrono::milliseconds kFirstDelay{100};
constexpr std::chrono::milliseconds kLongestDelay{5000};

}  // namespace

ProcessSlot::ProcessSlot(boost::asio::io_context& loop, const SlotEvents& events, const ProcessSlotOptions& options,
                         SharedMark mark)
    : loop_(loop),
      events_(events),
      options_(options),
      mark_(std::move(mark)),
      jobs_stream_(loop),
      orders_stream_(loop),
      output_(loop),
      deaths_(loop, SIGCHLD),
      restart_(loop),
      stop_timer_(loop),
      progress_timer_(loop),
      limits_(loop,
              {[this] { return mark_.get().read(); }, [this](const LimitWatch::Reached& reached) { reach(reached); }}),
      jobs_writer_(jobs_stream_),
      orders_writer_(orders_stream_) {
  watch_death();
  start();
}

ProcessSlot::~ProcessSlot() {
  if (child_) {
    ::kill(*child_, SIGKILL);
    retired_.push_back(*child_);
  }
  for (const pid_t pid : retired_) ::waitpid(pid, nullptr, 0);
}

std::size_t ProcessSlot::room() const {
  if (!child_ || is_used_up()) return 0;
  return options_.max_jobs ? *options_.max_jobs - given_ : std::numeric_limits<std::size_t>::max();
}

void ProcessSlot::give(std::vector<Job> jobs) {
  given_ += jobs.size();
  protocol::Run run;
  run.jobs.reserve(jobs.size());
  for (const Job& job : jobs) run.jobs.push_back(assignment_of(job));
  append(jobs_writer_.buffer(), run);
  jobs_writer_.write();
  for (Job& job : jobs) {
    limits_.add(job.id, job.limits);
    jobs_.push_back(std::move(job));
  }
}

void ProcessSlot::recall() { order(protocol::Recall{}); }

void ProcessSlot::stop(const AttemptId& id) {
  const auto job = find(id);
  if (job == jobs_.end()) return;
  order(protocol::Stop{id});
  stops_.push_back(
      {id, Clock::now() + (job->task->sees_cancel ? options_.cancel_grace : std::chrono::milliseconds(0))});
  watch_stops();
}

void ProcessSlot::abandon() {
  if (child_) read_jobs(waiting_bytes(jobs_stream_.native_handle()));
  if (!child_ || jobs_.empty()) return;
  jobs_.clear();
  stops_.clear();
  replace();
}

void ProcessSlot::list(std::vector<AttemptId>& into) const {
  for (const Job& job : jobs_) into.push_back(job.id);
}

std::deque<Job>::iterator ProcessSlot::find(const AttemptId& id) {
  return std::find_if(jobs_.begin(), jobs_.end(), [&](const Job& job) { return job.id == id; });
}

// ── the child's life ────────────────────────────────────────────────────────────────────────────────────────────────

void ProcessSlot::start() {
  mark_.get().reset();
  auto child = start_child(options_.program, mark_, options_.memory);
  if (!child) {
    spdlog::error("cannot start a slot's process: {}", child.error().message);
    return start_later();
  }
  child_ = child->pid;
  incoming_ = {};
  jobs_writer_.reset();
  orders_writer_.reset();
  tail_.clear();
  given_ = 0;
  has_worked_ = is_progress_paused_ = is_out_of_memory_ = false;
  kill_.reset();
  jobs_stream_.assign(child->jobs.release());
  orders_stream_.assign(child->orders.release());
  output_.assign(child->output.release());
  for (auto* stream : {&jobs_stream_, &orders_stream_, &output_}) stream->non_blocking(true);
  watch_jobs();
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

void ProcessSlot::close_streams() {
  error_code ignored;
  for (auto* stream : {&jobs_stream_, &orders_stream_, &output_}) stream->close(ignored);
  stop_timer_.cancel();
  progress_timer_.cancel();
  limits_.clear();
}

bool ProcessSlot::is_used_up() const {
  return is_out_of_memory_ || (options_.max_jobs && given_ >= *options_.max_jobs);
}

// Replaces a child that is used up and has no job. All its outcomes have arrived, so nothing is lost by not waiting for
// its end.
bool ProcessSlot::renew() {
  if (!child_ || !is_used_up() || !jobs_.empty()) return false;
  replace();
  return true;
}

void ProcessSlot::replace() {
  read_output(waiting_bytes(output_.native_handle()));
  close_streams();
  ::kill(*child_, SIGKILL);
  retired_.push_back(*child_);
  child_.reset();
  restart_delay_ = std::chrono::milliseconds(0);
  start();
}

void ProcessSlot::watch_death() {
  deaths_.async_wait([this](const error_code& error, int) {
    if (error) return;
    watch_death();
    reap();
  });
}

void ProcessSlot::reap() {
  std::erase_if(retired_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) == pid; });
  int status = 0;
  if (!child_ || ::waitpid(*child_, &status, WNOHANG) != *child_) return;
  // Messages and output from before its death still count. Not more: a program that it left behind may go on writing.
  read_jobs(waiting_bytes(jobs_stream_.native_handle()));
  read_output(waiting_bytes(output_.native_handle()));
  handle_death(status);
}

}  // namespace zebu::consumer
