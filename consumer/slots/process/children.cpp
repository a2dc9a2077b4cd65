#include "consumer/slots/process/children.h"

#include "consumer/slots/process/descendants.h"
#include "consumer/slots/process/leftovers.h"
#include "zebu/program/log.h"

#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <time.h>
#include <unistd.h>

namespace zebu::consumer {
namespace {

using boost::system::error_code;

// In one round of the loop: a task may have left any number.
constexpr int kMostARound = 256;
// How soon to look again for orphans that were not seen, because they came while others were killed.
constexpr std::chrono::milliseconds kRetry{20};
// How long a consumer that ends waits for the deaths of those that it has killed.
constexpr std::chrono::seconds kPatienceAtTheEnd{5};

}  // namespace

Children::Children(boost::asio::io_context& loop) : deaths_(loop, SIGCHLD), retry_(loop) {
  for_each_child(::getpid(), [this](pid_t child) { earlier_.push_back(child); });
  Leftovers::become_subreaper();
  watch();
}

Children::~Children() {
  for (const auto& [pid, ended] : slots_) kill(pid);
  const auto deadline = std::chrono::steady_clock::now() + kPatienceAtTheEnd;
  while (true) {
    for (auto& [pid, ended] : slots_) ended = nullptr;
    while (reap_one()) continue;
    if (!end_orphans() && slots_.empty()) return;
    if (std::chrono::steady_clock::now() >= deadline) break;
    const timespec pause{0, 1'000'000};
    ::nanosleep(&pause, nullptr);
  }
  log_event(Event::leftovers_stay, {}, "processes that tasks have started do not die: they are left behind");
}

void Children::add(pid_t pid, std::function<void(int wait_status)> ended) { slots_[pid] = std::move(ended); }

// A slot's process that has not been reaped keeps its number, and so the number of its group.
void Children::kill(pid_t pid) {
  if (slots_.count(pid) == 0) return;
  ::kill(-pid, SIGKILL);
  ::kill(pid, SIGKILL);  // a task may have put the process into another group
}

void Children::drop(pid_t pid) {
  kill(pid);
  const auto slot = slots_.find(pid);
  if (slot != slots_.end()) slot->second = nullptr;
}

void Children::watch() {
  deaths_.async_wait([this](const error_code& error, int) {
    if (error) return;
    watch();
    reap();
  });
}

void Children::reap() {
  int reaped = 0;
  while (reaped < kMostARound && reap_one()) ++reaped;
  if (!end_orphans() && reaped < kMostARound) return;
  retry_.expires_after(reaped < kMostARound ? kRetry : std::chrono::milliseconds(0));
  retry_.async_wait([this](const error_code& error) {
    if (!error) reap();
  });
}

// Reaps one child that has died, whosever it was. False: none has.
bool Children::reap_one() {
  siginfo_t info{};
  if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0 || info.si_pid == 0) return false;
  const pid_t pid = info.si_pid;
  const auto slot = slots_.find(pid);
  if (slot != slots_.end()) ::kill(-pid, SIGKILL);  // its group has a name as long as it is not reaped
  int status = 0;
  if (::waitpid(pid, &status, WNOHANG | __WALL) != pid) return false;
  std::erase(earlier_, pid);
  if (slot == slots_.end()) return true;
  const auto ended = std::move(slot->second);
  slots_.erase(slot);
  if (ended) {
    static_cast<void>(end_orphans());
    ended(status);
  }
  return true;
}

// Kills what is a child of this process without being a slot's. True if there was any: its children may come next.
bool Children::end_orphans() {
  bool has_any = false;
  for_each_child(::getpid(), [&](pid_t child) {
    if (slots_.count(child) > 0 || std::find(earlier_.begin(), earlier_.end(), child) != earlier_.end()) return;
    has_any = true;
    kill_tree(child);
  });
  return has_any;
}

}  // namespace zebu::consumer
