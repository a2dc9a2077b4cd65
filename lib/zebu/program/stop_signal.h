#pragma once

namespace zebu {

// SIGINT and SIGTERM as a descriptor that becomes readable. Made in main before any thread starts, because it blocks
// both signals in its thread and in all that start later; SIGPIPE and SIGXFSZ are ignored.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

// Raises this process's limit of open files as far as it may, and returns what it is then.
unsigned long raise_open_files();

}  // namespace zebu
