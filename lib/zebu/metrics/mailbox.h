#pragma once

#include "zebu/job.h"
#include "zebu/thread_annotations.h"

#include <atomic>
#include <memory>
#include <string>

namespace zebu::metrics {

// Where a program's loop leaves its metrics, as text, for the thread that serves them. Neither waits for the other: the
// loop looks here about once a second, and leaves a new text if somebody has asked lately; whoever asks gets the
// newest.
class Mailbox {
 public:
  struct Letter {
    std::string text;
    TimePoint made;
  };

  // For so long after a question the loop goes on leaving texts, so that the next one need not wait.
  static constexpr std::chrono::minutes kLately{5};

  // The loop's side.
  [[nodiscard]] bool is_wanted(TimePoint now) const;
  void put(std::string text, TimePoint now);

  // Of another thread. nullptr: there is none yet; with the next look of the loop there is.
  [[nodiscard]] std::shared_ptr<const Letter> ask(TimePoint now);

 private:
  std::atomic<TimePoint::rep> asked_ = TimePoint::min().time_since_epoch().count();
  Mutex mutex_;
  std::shared_ptr<const Letter> newest_ ZEBU_GUARDED_BY(mutex_);
};

}  // namespace zebu::metrics
