#include "consumer/slots/process/housekeeping.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace zebu::consumer {
namespace {

using namespace std::chrono_literals;

// To start a process takes longer, on any machine.
constexpr auto kShortestStart = 15us;
// The state is compared when tasks have run for so long, or so often. Not by the clock: on a busy machine a slot may do
// little between two readings of it.
constexpr auto kRunTime = 1ms;
constexpr std::size_t kRuns = 4096;
// How long the processes that a task left behind may take to die. After that this process ends, and its group with it.
constexpr auto kPatienceWithLeftovers = 500ms;

void say(const Task& task, const std::string& what) {
  std::fprintf(stderr, "the task %s %s\n", task.name.c_str(), what.c_str());
}

}  // namespace

void Housekeeping::begin() {
  leftovers_.keep_present();
  state_.emplace();
}

Housekeeping::Known& Housekeeping::known(const Task& task) {
  if (last_ < known_.size() && known_[last_].task == &task) return known_[last_];
  const auto found = std::find_if(known_.begin(), known_.end(), [&](const Known& each) { return each.task == &task; });
  last_ = static_cast<std::size_t>(found - known_.begin());
  if (found == known_.end()) known_.push_back({&task});
  return known_[last_];
}

bool Housekeeping::after_run(const Task& task, TimePoint start, TimePoint end) {
  const std::size_t known_before = known_.size();
  Known& now = known(task);
  const bool is_first = known_.size() != known_before;
  run_time_ += end - start;
  const bool restores = is_first || now.changes_state || run_time_ >= kRunTime || ++runs_ >= kRuns;
  if (!restores && end - start < kShortestStart) return true;
  const bool are_ended = end_leftovers(now);
  if (!restores) return are_ended;
  run_time_ = {};
  runs_ = 0;
  return restore_state(now) && are_ended;
}

bool Housekeeping::end_leftovers(Known& task) {
  const Leftovers::Ended ended = leftovers_.end(kPatienceWithLeftovers);
  if (ended.count > 0 && !std::exchange(task.leaves_processes, true)) {
    const std::string processes = ended.count == 1 ? "a process" : std::to_string(ended.count) + " processes";
    say(*task.task,
        "left " + processes + " behind, killed at the end of its attempt; said once for each slot's process");
  }
  if (!ended.are_all) say(*task.task, "left processes behind that do not die: its slot's process is replaced");
  return ended.are_all;
}

bool Housekeeping::restore_state(Known& task) {
  const ProcessState::Restored restored = state_->restore();
  if (restored.is_changed) task.changes_state = true;
  if (restored.damage) say(*task.task, *restored.damage + ": its slot's process is replaced");
  return !restored.damage;
}

}  // namespace zebu::consumer
