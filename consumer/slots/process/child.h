#pragma once

#include "consumer/slots/running_mark.h"
#include "zebu/error.h"
#include "zebu/program/descriptor.h"

#include <sys/types.h>

#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace zebu::consumer {

// The first argument of a consumer that runs as a slot's process. The second one is the parent's process id, the third
// one the limit of its data in bytes, 0 for none.
inline constexpr const char* kSlotArgument = "--zebu-slot";
// The descriptors that a slot's process inherits. Its stdout and stderr go into one pipe to the parent.
inline constexpr int kSlotJobs = 3;
inline constexpr int kSlotMark = 4;
inline constexpr int kSlotOrders = 5;

// The signals that a slot's process handles: a service manager or a task's script may send them to all processes.
// SIGCONT is what it gets when its parent has died, because that also wakes it up if it was stopped.
inline constexpr int kSlotSignals[] = {SIGHUP, SIGINT, SIGTERM, SIGCONT};

// A RunningMark in memory that a child can map. Nobody can make that memory smaller, and no copy of the child has it.
class SharedMark {
 public:
  [[nodiscard]] static Result<SharedMark> make();
  // In a child: maps the mark that the parent made, and closes the descriptor.
  [[nodiscard]] static Result<SharedMark> open(Descriptor descriptor);

  [[nodiscard]] RunningMark& get() const { return *mark_; }
  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  // False: it does not hold what the parent wrote.
  [[nodiscard]] bool is_intact() const { return mark_->seal.load(std::memory_order_relaxed) == seal_; }

 private:
  struct Unmap {
    void operator()(RunningMark* mark) const;
  };
  [[nodiscard]] static Result<SharedMark> map(int descriptor);

  Descriptor descriptor_;
  std::unique_ptr<RunningMark, Unmap> mark_;
  std::uint64_t seal_ = 0;
};

// A running process that executes this same binary as a slot, in a session and a process group of its own. Its owner
// reaps it.
struct Child {
  pid_t pid;
  // Non-blocking streams; protocol.h says which messages go where.
  Descriptor jobs;
  Descriptor orders;
  Descriptor output;  // the child's stdout and stderr
};

// Must be called by a thread that outlives the children: they notice its death. program: the name of the process in
// listings. memory: the limit of its data (malloc, new, stacks) in bytes.
[[nodiscard]] Result<Child> start_child(const std::string& program, const SharedMark& mark,
                                        std::optional<std::size_t> memory);

// "killed by SIGSEGV", "exited with code 3".
[[nodiscard]] std::string describe_exit(int wait_status);

}  // namespace zebu::consumer
