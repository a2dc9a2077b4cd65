#pragma once

#include "zebu/client.h"
#include "zebu/thread_annotations.h"

#include <functional>
#include <memory>
#include <string>

namespace zebu::producer {

// [=====>    ]  53 %  note
[[nodiscard]] std::string job_progress_text(const Progress& progress, std::size_t columns);

// Shows one job's progress on stderr, which must be a terminal: its partial output as it arrives, and below it a
// progress line that is redrawn in place. Thread-safe.
class JobProgress {
 public:
  // Null if stderr is not a terminal. shared_ptr: the client's thread may still report progress at the end.
  [[nodiscard]] static std::shared_ptr<JobProgress> on_terminal();

  // Shows what is new in this attempt.
  void add(std::uint32_t attempt, const Progress& news);
  // Calls `say`, which writes whole lines to stderr, with the progress line out of its way.
  void interrupt(const std::function<void()>& say);
  // Removes the progress line. Later progress is not shown.
  void finish();

 private:
  void draw() ZEBU_REQUIRES(mutex_);

  Mutex mutex_;
  std::uint32_t attempt_ ZEBU_GUARDED_BY(mutex_) = 0;
  Progress newest_ ZEBU_GUARDED_BY(mutex_);             // without output
  std::uint64_t seen_ ZEBU_GUARDED_BY(mutex_) = 0;      // bytes of output, up to the end of the newest
  bool is_line_begun_ ZEBU_GUARDED_BY(mutex_) = false;  // by output that ended without a newline
  bool is_shown_ ZEBU_GUARDED_BY(mutex_) = false;
  bool is_finished_ ZEBU_GUARDED_BY(mutex_) = false;
};

// A callback that shows progress on `display`; empty if `display` is null.
[[nodiscard]] Client::OnProgress show_on(std::shared_ptr<JobProgress> display);

}  // namespace zebu::producer
