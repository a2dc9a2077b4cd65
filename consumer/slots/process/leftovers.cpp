#include "consumer/slots/process/leftovers.h"

#include "consumer/slots/process/descendants.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <set>
#include <time.h>
#include <unistd.h>

namespace zebu::consumer {
namespace {

constexpr long kFirstPause = 200'000;  // nanoseconds
constexpr long kLongestPause = 5'000'000;
// How often kill_below() looks for what is left, about 1 s in all.
constexpr int kLooksAtTheEnd = 200;

void pause_for(long nanoseconds) {
  const timespec time{0, nanoseconds};
  ::nanosleep(&time, nullptr);
}

}  // namespace

void Leftovers::become_subreaper() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

void Leftovers::keep_present() {
  kept_.clear();
  for_each_child(::getpid(), [this](pid_t child) { kept_.push_back(child); });
}

std::vector<pid_t> Leftovers::find() {
  std::vector<pid_t> left;
  std::vector<pid_t> kept;
  for_each_child(::getpid(), [&](pid_t child) {
    const bool is_kept = std::find(kept_.begin(), kept_.end(), child) != kept_.end();
    (is_kept ? kept : left).push_back(child);
  });
  kept_ = std::move(kept);  // without those that have ended: their numbers may come back
  return left;
}

bool Leftovers::has_any() {
  if (!kept_.empty()) return !find().empty();
  siginfo_t info;
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

Leftovers::Ended Leftovers::end(std::chrono::milliseconds patience) {
  if (!has_any()) return {};
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::set<pid_t> ended;
  for (long pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
    const std::vector<pid_t> left = find();
    for (const pid_t child : left) kill_tree(child);
    for (const pid_t child : left) ::waitpid(child, nullptr, WNOHANG | __WALL);
    ended.insert(left.begin(), left.end());
    // Those that were reaped may have left children of theirs to this process.
    if (!has_any()) return {ended.size(), true};
    if (std::chrono::steady_clock::now() >= deadline) return {ended.size(), false};
    pause_for(pause);
  }
}

void Leftovers::kill_below() {
  for (int look = 0; look < kLooksAtTheEnd; ++look) {
    std::size_t count = 0;
    for_each_child(::getpid(), [&](pid_t child) {
      ++count;
      kill_tree(child);
      ::waitpid(child, nullptr, WNOHANG | __WALL);
    });
    if (count == 0) return;
    pause_for(kLongestPause);
  }
}

void Leftovers::end_all() {
  kill_below();
  // At once for the whole group, so that nothing which a task's thread starts now is missed. Never somebody else's.
  if (::getpgrp() == ::getpid()) ::kill(0, SIGKILL);
  ::_exit(EXIT_FAILURE);
}

}  // namespace zebu::consumer
