#pragma once

#include "consumer/slots/running_mark.h"
#include "zebu/error.h"
#include "zebu/program/descriptor.h"

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

namespace zebu::consumer {

// The first argument of a consumer that is to be a slot's process; behind it comes the parent's process id.
inline constexpr const char* kSlotArgument = "--zebu-slot";
// What a slot's process inherits, under these numbers. Its stdout and stderr go into one pipe to the parent.
inline constexpr int kSlotJobs = 3;
inline constexpr int kSlotMark = 4;
inline constexpr int kSlotOrders = 5;

// A RunningMark in memory that a child can map.
class SharedMark {
 public:
  [[nodiscard]] static Result<SharedMark> make();
  // The one that the parent made, in a child.
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

// A running process that executes this same binary as a slot. Whoever owns it reaps it.
struct Child {
  pid_t pid = 0;
  // Non-blocking streams; protocol.h says what goes where.
  Descriptor jobs;
  Descriptor orders;
  Descriptor output;  // what it prints
};

// Must be called by a thread that lives as long as the children shall: they die with it. program: what the process is
// called in listings. memory: bytes of data (what malloc, new and stacks take) that it may have.
[[nodiscard]] Result<Child> start_child(const std::string& program, const SharedMark& mark,
                                        std::optional<std::size_t> memory);

// "killed by SIGSEGV", "exited with code 3".
[[nodiscard]] std::string describe_exit(int wait_status);

}  // namespace zebu::consumer
