#pragma once

#include "zebu/job.h"
#include "zebu/thread_annotations.h"

#include <atomic>
#include <memory>
#include <string>

namespace zebu::metrics {

// Where a program's loop leaves its metrics, as text, for the thread that serves them. Neither waits for the other: the
// loop looks here about once a second, and leaves a new text if somebody has asked lately; whoever asks gets the
// newest. Texts take at most a hundredth of the loop's time: one that took long is renewed more rarely.
class Mailbox {
 public:
  struct Letter {
    std::string text;
    TimePoint made;
    TimePoint::duration fresh_for;  // if there is no newer one by then, the loop stands still
  };

  // For so long after a question the loop goes on leaving texts, so that the next one need not wait.
  static constexpr std::chrono::minutes kLately{5};

  // A text is renewed within so long, unless it took long.
  static constexpr std::chrono::seconds kFresh{5};
  // For so many times as long as a text took, the loop makes none.
  static constexpr int kPause = 100;

  // The loop's side, about once a second: leaves what make() returns, if it is wanted.
  template <class Make>
  void renew(TimePoint now, Make&& make) {
    if (!is_wanted(now)) return;
    const TimePoint::duration before = processor_time();
    std::string text = make();
    put(std::move(text), now, processor_time() - before);
  }
  [[nodiscard]] bool is_wanted(TimePoint now) const;
  // took: the processor time that it took to make.
  void put(std::string text, TimePoint now, TimePoint::duration took = {});

  // Of another thread. nullptr: there is none yet; with the next look of the loop there is.
  [[nodiscard]] std::shared_ptr<const Letter> ask(TimePoint now);

 private:
  // Of this thread.
  [[nodiscard]] static TimePoint::duration processor_time();

  TimePoint next_{};  // the loop's: not before
  std::atomic<TimePoint::rep> asked_ = TimePoint::min().time_since_epoch().count();
  Mutex mutex_;
  std::shared_ptr<const Letter> newest_ ZEBU_GUARDED_BY(mutex_);
};

}  // namespace zebu::metrics
