#pragma once

#include "zebu/thread_annotations.h"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace zebu {

// Writes text to a descriptor from a thread of its own, so that nobody who logs ever waits for whoever reads the log.
// The descriptor stays as it is (its other users may rely on it to block). What nobody reads is kept up to a limit;
// further text is dropped, counted, and said as soon as there is room again. All functions are thread-safe.
//
// The thread may be blocked in a write for ever, so it cannot be joined: a writer is never destroyed.
class LogWriter {
 public:
  // Makes the text that says how many lines were dropped.
  using Notice = std::function<std::string(std::uint64_t lines)>;

  // limit: bytes that wait to be written; as many may be in the thread's hand.
  static LogWriter& start(int descriptor, std::size_t limit = std::size_t{1} << 20);
  // The one of stderr, which is started at the first call and flushed for at most kExitPatience when the program exits.
  static LogWriter& of_stderr();

  LogWriter(const LogWriter&) = delete;

  // Queues whole lines, or a piece of them, and returns at once. A piece that finds no room is dropped.
  void add(std::string_view text);
  void set_notice(Notice notice);
  // Waits until all that was added before has been written, or could not be. False: it took longer than that.
  bool flush(std::chrono::milliseconds patience);

  static constexpr std::chrono::milliseconds kExitPatience{1000};

 private:
  LogWriter(int descriptor, std::size_t limit) : descriptor_(descriptor), limit_(limit) {}
  ~LogWriter() = default;
  [[noreturn]] void run();
  void take(std::string& into) ZEBU_REQUIRES(mutex_);

  const int descriptor_;
  const std::size_t limit_;
  Mutex mutex_;
  std::condition_variable has_text_;
  std::condition_variable is_written_;
  std::string waiting_ ZEBU_GUARDED_BY(mutex_);
  std::uint64_t dropped_ ZEBU_GUARDED_BY(mutex_) = 0;  // lines, since the last notice
  Notice notice_ ZEBU_GUARDED_BY(mutex_);
  std::uint64_t added_ ZEBU_GUARDED_BY(mutex_) = 0;    // pieces and notices
  std::uint64_t written_ ZEBU_GUARDED_BY(mutex_) = 0;  // of them
  bool ends_in_line_ ZEBU_GUARDED_BY(mutex_) = false;  // what was taken last
};

}  // namespace zebu
