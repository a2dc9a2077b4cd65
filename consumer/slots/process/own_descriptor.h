#pragma once

#include <sys/types.h>

namespace zebu::consumer {

// A descriptor of a slot's process. A task shares the table of descriptors: it may close this one, and what it opens
// next may get its number.
class OwnDescriptor {
 public:
  explicit OwnDescriptor(int descriptor);

  [[nodiscard]] int get() const { return descriptor_; }
  // Ends the process, with a message, if the number does not stand for the same file any more.
  void check() const;

 private:
  int descriptor_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// A task broke the slot's process, which ends: the consumer counts that as the attempt's crash, and kills what the task
// had started. `what` completes "a task has …".
[[noreturn]] void exit_broken(const char* what);

}  // namespace zebu::consumer
