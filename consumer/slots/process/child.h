#pragma once

#include "consumer/slots/running_mark.h"
#include "zebu/error.h"
#include "zebu/program/descriptor.h"

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

namespace zebu::consumer {

// The first argument of a consumer that runs as a slot's process. The second one is the parent's process id.
inline constexpr const char* kSlotArgument = "--zebu-slot";
// The descriptors that a slot's process inherits. Its stdout and stderr go into one pipe to the parent.
inline constexpr int kSlotJobs = 3;
inline constexpr int kSlotMark = 4;
inline constexpr int kSlotOrders = 5;

// A RunningMark in memory that a child can map.
class SharedMark {
 public:
  [[nodiscard]] static Result<SharedMark> make();
  // In a child: maps the mark that the parent made.
  [[nodiscard]] static Result<SharedMark> open(Descriptor descriptor);

  [[nodiscard]] RunningMark& get() const { return *mark_; }
  [[nodiscard]] int descriptor() const { return descriptor_.get(); }

 private:
  struct Unmap {
    void operator()(RunningMark* mark) const;
  };
  Descriptor descriptor_;
  std::unique_ptr<RunningMark, Unmap> mark_;
};

// A running process that executes this same binary as a slot. Its owner reaps it.
struct Child {
  pid_t pid;
  // Non-blocking streams; protocol.h says which messages go where.
  Descriptor jobs;
  Descriptor orders;
  Descriptor output;  // the child's stdout and stderr
};

// Must be called by a thread that outlives the children: they die with it. program: the name of the process in
// listings. memory: the limit of its data (malloc, new, stacks) in bytes.
[[nodiscard]] Result<Child> start_child(const std::string& program, const SharedMark& mark,
                                        std::optional<std::size_t> memory);

// "killed by SIGSEGV", "exited with code 3".
[[nodiscard]] std::string describe_exit(int wait_status);

}  // namespace zebu::consumer
