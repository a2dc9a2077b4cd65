#include "consumer/slots/forked_copy.h"

#include <sys/mman.h>

#include <atomic>
#include <new>
#include <unistd.h>

namespace zebu::consumer {
namespace {

// In memory that the kernel clears in every copy of the process (MADV_WIPEONFORK). A sandbox may not have that: then
// `original_process` is compared instead.
std::atomic<int>* is_original = nullptr;
pid_t original_process = 0;

std::atomic<int>* wiped_on_fork() {
  void* page = ::mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  if (::madvise(page, static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), MADV_WIPEONFORK) == 0) {
    return new (page) std::atomic<int>(1);
  }
  ::munmap(page, sizeof(int));
  return nullptr;
}

}  // namespace

void remember_original_process() {
  [[maybe_unused]] static const bool is_done = [] {
    original_process = ::getpid();
    is_original = wiped_on_fork();
    return true;
  }();
}

bool is_forked_copy() {
  if (is_original != nullptr) return is_original->load(std::memory_order_relaxed) == 0;
  return original_process != 0 && ::getpid() != original_process;
}

}  // namespace zebu::consumer
