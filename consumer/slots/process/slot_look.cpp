#include "consumer/slots/process/slot.h"
#include "consumer/slots/units.h"
#include "zebu/program/log.h"

#include <algorithm>
#include <csignal>

// A task may do anything to its slot's process. So that no wait for the process is without end, it is looked at.
namespace zebu::consumer {
namespace {

using boost::system::error_code;

// How often to look at a process that has jobs. One that makes no sense in two looks is killed.
constexpr std::chrono::milliseconds kLookPace{2000};
// A process that has closed a stream is dying in most cases, and then its end says more. This is the time for it.
constexpr std::chrono::milliseconds kClosedPatience{1000};
// A process that is still there so long after SIGKILL hangs in the kernel. It will not run a task's code again.
constexpr std::chrono::seconds kDeathPatience{10};

}  // namespace

// What its mark says of the child, compared with what is known.
ProcessSlot::Seen ProcessSlot::see() const {
  if (!mark_.is_intact()) return {std::nullopt, true};
  const auto running = mark_.get().read();
  if (!running) return {};
  const bool is_ours = std::any_of(jobs_.begin(), jobs_.end(), [&](const Job& job) { return job.id == running->id; });
  if (!is_ours || running->since < started_ || running->since > Clock::now()) return {std::nullopt, true};
  return {running, false};
}

void ProcessSlot::look_soon() {
  if (!is_looking_) look_after(kLookPace);
}

void ProcessSlot::look_after(std::chrono::milliseconds time) {
  is_looking_ = true;
  look_timer_.expires_after(time);
  look_timer_.async_wait([this](const error_code& error) {
    if (error) return;
    is_looking_ = false;
    look();
  });
}

// The timer is set only while the child has jobs, starts, or dies.
void ProcessSlot::look() {
  if (!child_) return;
  if (kill_) {
    if (Clock::now() < killed_at_ + kDeathPatience) return look_soon();
    log_event(Event::slot_stuck, {{"slot", *child_}}, "slot process {} was killed and does not die: it is left alone",
              *child_);
    children_.drop(*child_);
    return handle_death(SIGKILL);
  }
  if (is_closed_) return kill_child({{}, {}, "it closed a stream between its slot and the consumer"});
  if (!is_ready_ && options_.has_hooks) {
    log_event(Event::hook_slow, {{"slot", *child_}}, "slot process {} runs its hooks of on_start, for {} so far",
              *child_, readable(std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started_)));
    return look_after(15 * kLookPace);
  }
  if (jobs_.empty()) return;
  const Seen seen = see();
  const bool is_silent = is_ready_ && std::exchange(messages_at_look_, messages_) == messages_;
  const bool was_suspicious = std::exchange(is_suspicious_, seen.is_garbled || (!seen.running && is_silent));
  if (is_suspicious_ && was_suspicious) {
    return kill_child({{},
                       {},
                       seen.is_garbled ? "it wrote over the memory that it shares with the consumer"
                                       : "it has jobs and does not begin them"});
  }
  look_soon();
}

// A process that was stopped, or that hangs in the kernel, dies later.
void ProcessSlot::kill_child(Kill kill) {
  if (!child_ || kill_) return;
  if (!kill.why.empty()) {
    log_event(Event::slot_garbled, {{"slot", *child_}}, "slot process {} is killed: {}", *child_, kill.why);
  }
  kill_ = std::move(kill);
  killed_at_ = Clock::now();
  children_.kill(*child_);
  look_soon();
}

void ProcessSlot::closed_by_child() {
  if (!child_ || kill_ || std::exchange(is_closed_, true)) return;
  look_after(kClosedPatience);
}

}  // namespace zebu::consumer
