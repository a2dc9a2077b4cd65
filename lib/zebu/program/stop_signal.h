#pragma once

namespace zebu {

// SIGINT and SIGTERM as a descriptor that becomes readable. Create it in main before any thread starts, because it
// blocks both signals in its thread and in all that start later. It also ignores SIGPIPE and SIGXFSZ.
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

// Raises this process's limit of open files to the hard limit, and returns the new limit.
unsigned long raise_open_files();

}  // namespace zebu
