#pragma once

#include "broker/engine/engine_options.h"
#include "broker/records/job_spec.h"

#include <chrono>

namespace zebu::broker {

// How a consumer's session ended.
enum class End {
  said_bye,
  lost,      // silent, or gone without BYE
  replaced,  // a newer session of the same consumer, which did not name the attempt
};

// What a lost consumer's job has to do with the loss. With one job, that one may have brought the consumer down: it is
// charged. Of several it is not known which; they become suspects, which are not run beside each other.
enum class Blame { suspect, charged };

// The facts that a ruling depends on.
struct RunningJob {
  const JobSpec& spec;
  Uses uses;
  bool cancel_asked = false;
};

// The consequence of an attempt's end.
struct Ruling {
  enum class Next { requeue, reschedule, finish };

  Next next = Next::finish;
  Uses uses;
  // finish: the job's outcome. Otherwise the attempt's, if it had one.
  std::optional<Outcome> outcome;
  std::chrono::milliseconds delay{0};  // until a rescheduled job is due
  bool frees_holder = true;            // the attempt can no longer be claimed
};

// Rules over an attempt's end, by the job's options and the broker's limits. No side effects.
class Judge {
 public:
  explicit Judge(const EngineOptions& options) : max_crashes_(options.max_crashes), max_losses_(options.max_losses) {}

  // Its consumer reported this outcome, or the broker ended it at its limit.
  [[nodiscard]] Ruling ended(const RunningJob& job, Outcome outcome) const;
  // Its consumer's session ended, or has not come back after a restart. blame: for End::lost.
  [[nodiscard]] Ruling lost(const RunningJob& job, End how, Blame blame) const;

 private:
  [[nodiscard]] static Ruling failed(const RunningJob& job, Outcome outcome);
  [[nodiscard]] Ruling crashed(const RunningJob& job, Outcome outcome) const;

  std::uint32_t max_crashes_;
  std::uint32_t max_losses_;
};

}  // namespace zebu::broker
