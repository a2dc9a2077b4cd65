#pragma once

#include "zebu/client.h"

#include <memory>
#include <mutex>
#include <string>

namespace zebu::producer {

// [=====>    ]  53 %  note
[[nodiscard]] std::string job_progress_text(const Progress& progress, std::size_t columns);

// What one job says of itself, on a terminal's stderr: its partial output as it comes, and below it a line with its
// progress that is written over and over. Any thread.
class JobProgress {
 public:
  // Nothing where stderr is no terminal. shared_ptr: the client's thread may still tell it something at the end.
  [[nodiscard]] static std::shared_ptr<JobProgress> on_terminal();

  // What is new, of this attempt.
  void add(std::uint32_t attempt, const Progress& news);
  // Removes the line; what comes later is not shown.
  void finish();

 private:
  void draw();

  std::mutex mutex_;
  std::uint32_t attempt_ = 0;
  Progress newest_;             // without output
  bool is_line_begun_ = false;  // by output that ended without a newline
  bool is_shown_ = false;
  bool is_finished_ = false;
};

// To be called with what is new; empty without a display.
[[nodiscard]] Client::OnProgress show_on(std::shared_ptr<JobProgress> display);

}  // namespace zebu::producer
