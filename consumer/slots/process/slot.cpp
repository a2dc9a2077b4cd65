#include "consumer/slots/process/slot.h"

#include "consumer/slots/units.h"
#include "zebu/program/log.h"

#include <algorithm>
#include <limits>

namespace zebu::consumer {
namespace {

using boost::system::error_code;

constexpr std::chrono::milliseconds kFirstDelay{100};
constexpr std::chrono::milliseconds kLongestDelay{5000};

}  // namespace

ProcessSlot::ProcessSlot(boost::asio::io_context& loop, const SlotEvents& events, const ProcessSlotOptions& options,
                         Children& children)
    : loop_(loop),
      events_(events),
      options_(options),
      children_(children),
      jobs_stream_(loop),
      orders_stream_(loop),
      output_(loop),
      restart_(loop),
      look_timer_(loop),
      stop_timer_(loop),
      progress_timer_(loop),
      limits_(loop, {[this] { return see().running; }, [this](const LimitWatch::Reached& reached) { reach(reached); }}),
      jobs_writer_(jobs_stream_),
      orders_writer_(orders_stream_) {
  start();
}

ProcessSlot::~ProcessSlot() {
  if (child_) children_.drop(*child_);
}

std::size_t ProcessSlot::room() const {
  if (!is_alive() || is_used_up()) return 0;
  return options_.max_jobs ? *options_.max_jobs - given_ : std::numeric_limits<std::size_t>::max();
}

void ProcessSlot::give(std::vector<Job> jobs) {
  given_ += jobs.size();
  protocol::Run run;
  run.jobs.reserve(jobs.size());
  for (const Job& job : jobs) run.jobs.push_back(assignment_of(job));
  append(jobs_writer_.buffer(), run, jobs_writer_.frames());
  jobs_writer_.write();
  for (Job& job : jobs) {
    limits_.add(job.id, job.limits);
    jobs_.push_back(std::move(job));
  }
  look_soon();
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
  auto mark = SharedMark::make();
  auto child = mark ? start_child(options_.program, *mark, options_.memory) : tl::make_unexpected(mark.error());
  if (!child) {
    log_event(Event::slot_not_started, {}, "cannot start a slot's process: {}", child.error().message);
    return start_later();
  }
  mark_ = std::move(*mark);
  child_ = child->pid;
  children_.add(child->pid, [this](int wait_status) { reaped(wait_status); });
  started_ = Clock::now();
  incoming_ = {};
  jobs_writer_.reset();
  orders_writer_.reset();
  tail_.clear();
  given_ = 0;
  messages_ = messages_at_look_ = 0;
  has_worked_ = is_ready_ = is_closed_ = is_suspicious_ = is_progress_paused_ = is_out_of_memory_ = is_garbled_ = false;
  skipped_ = 0;
  kill_.reset();
  jobs_stream_.assign(child->jobs.release());
  orders_stream_.assign(child->orders.release());
  output_.assign(child->output.release());
  for (auto* stream : {&jobs_stream_, &orders_stream_, &output_}) stream->non_blocking(true);
  watch_jobs();
  watch_orders();
  watch_output();
  if (options_.has_hooks) look_soon();
  if (is_alive()) events_.ready();
}

void ProcessSlot::start_later() {
  restart_delay_ = std::clamp(restart_delay_ * 2, kFirstDelay, kLongestDelay);
  log_event(Event::slot_restart_delayed, {{"delay_ms", restart_delay_.count()}},
            "a slot's process is started again in {}", readable(restart_delay_));
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
  return is_out_of_memory_ || is_garbled_ || (options_.max_jobs && given_ >= *options_.max_jobs);
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
  children_.drop(*std::exchange(child_, std::nullopt));
  restart_delay_ = std::chrono::milliseconds(0);
  start();
}

// Messages and output from before its death still count. Not more: a program that it left behind may go on writing.
void ProcessSlot::reaped(int wait_status) {
  read_jobs(waiting_bytes(jobs_stream_.native_handle()));
  read_output(waiting_bytes(output_.native_handle()));
  handle_death(wait_status);
}

}  // namespace zebu::consumer
