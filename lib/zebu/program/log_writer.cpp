#include "zebu/program/log_writer.h"

#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <poll.h>
#include <thread>
#include <unistd.h>

namespace zebu {
namespace {

// Text that cannot be written (the reader is gone, the disk is full) is lost: there is nobody to tell.
void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(descriptor, text.data(), text.size());
    if (n > 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EAGAIN) {
      // Another user of this descriptor has made it non-blocking.
      pollfd item{descriptor, POLLOUT, 0};
      ::poll(&item, 1, -1);
    } else if (n == 0 || errno != EINTR) {
      return;
    }
  }
}

std::uint64_t lines_in(std::string_view text) {
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n')));
}

}  // namespace

LogWriter& LogWriter::start(int descriptor, std::size_t limit) {
  auto* writer = new LogWriter(descriptor, limit);
  // Signals are for the program's other threads, and a write to a closed pipe is no reason to die.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([writer] { writer->run(); }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return *writer;
}

LogWriter& LogWriter::of_stderr() {
  static LogWriter& writer = [&]() -> LogWriter& {
    std::atexit([] { of_stderr().flush(kExitPatience); });
    return start(STDERR_FILENO);
  }();
  return writer;
}

void LogWriter::add(std::string_view text) {
  if (text.empty()) return;
  {
    const Lock lock(mutex_);
    // Nothing is taken behind what was dropped until the notice is out, which so stands where the lines are missing.
    const bool is_dropped = dropped_ > 0 || waiting_.size() + text.size() > limit_;
    if (!is_dropped || dropped_ == 0) ++added_;
    if (is_dropped) {
      dropped_ += lines_in(text);
    } else {
      waiting_ += text;
    }
  }
  has_text_.notify_one();
}

void LogWriter::set_notice(Notice notice) {
  const Lock lock(mutex_);
  notice_ = std::move(notice);
}

bool LogWriter::flush(std::chrono::milliseconds patience) {
  Lock lock(mutex_);
  const std::uint64_t all = added_;
  return is_written_.wait_for(lock.native(), patience, [&]() ZEBU_REQUIRES(mutex_) { return written_ >= all; });
}

// What waits, and behind it what is to be said of lines that found no room.
void LogWriter::take(std::string& into) {
  into.clear();
  into.swap(waiting_);
  if (!into.empty()) ends_in_line_ = into.back() != '\n';
  if (dropped_ == 0) return;
  if (ends_in_line_) into += '\n';
  into += notice_ ? notice_(dropped_) : std::to_string(dropped_) + " lines were dropped: nobody reads the log\n";
  dropped_ = 0;
  ends_in_line_ = false;
}

void LogWriter::run() {
  ::prctl(PR_SET_NAME, "zebu-log");
  std::string text;
  Lock lock(mutex_);
  while (true) {
    has_text_.wait(lock.native(), [this]() ZEBU_REQUIRES(mutex_) { return !waiting_.empty() || dropped_ > 0; });
    take(text);
    const std::uint64_t taken = added_;
    lock.unlock();
    write_all(descriptor_, text);
    lock.lock();
    written_ = taken;
    is_written_.notify_all();
  }
}

}  // namespace zebu
