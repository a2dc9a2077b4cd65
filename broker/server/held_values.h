#pragma once

#include "broker/engine/engine.h"
#include "broker/server/options.h"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace zebu::broker {

// Durable jobs with large arguments, and outcomes with large results or errors (Options::large_value), on their way to
// the engine. Each commit takes a bounded part of such a value, so small jobs pass meanwhile; the engine gets the job
// or the outcome when the last part goes. What other messages say about a job whose submission is held back waits
// behind it, in order.
//
// A session that ends takes what it sent with it: it was not told that the broker has it, and sends it again if it
// comes back. One thread.
class HeldValues {
 public:
  // The engine outlives it.
  HeldValues(Engine& engine, const Options& options)
      : engine_(engine), large_(options.large_value), piece_(options.value_piece), most_(options.held_values) {}

  // These take the place of the engine's functions of the same names: all of a message but what is held back goes to
  // the engine at once.
  void submit(SessionId from, const message::Submit& submit, Moment now, Effects& out);
  void wait(SessionId from, const message::Wait& wait, Effects& out);
  void leave(SessionId from, const message::Leave& leave);
  void cancel(SessionId from, const message::Cancel& cancel, Moment now, Effects& out);
  void outcome(SessionId from, const message::OutcomeReport& report, Moment now, Effects& out, bool in_parts = false);

  void ended(SessionId session, Moment now, Effects& out);
  // Before a commit: gives it its part of the oldest value, and the engine what is complete then. The part is what the
  // disk takes in about as long as commits take anyway, within bounds: those beside it are not much slower for it.
  // Where nothing else was committed for a while it is as large as the bounds allow.
  void advance(Moment now, Effects& out);
  // How long a commit took.
  void committed(Clock::duration took);

  [[nodiscard]] bool empty() const { return held_.empty(); }
  // Bytes of memory that values take which are held back.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  enum class Kind { submit, outcome, wait, leave, cancel };
  // What a peer said about the job, in order.
  struct Step {
    Kind kind;
    SessionId from;
    bool wait = false;                        // of submit
    std::optional<std::uint64_t> place = {};  // of outcome: among its session's; unset: it came in parts
  };
  struct Held {
    // One of these.
    std::shared_ptr<JobSpec> job;
    std::shared_ptr<Outcome> outcome;
    std::shared_ptr<const std::string> made = {};  // the value, if it is not simply args or result
    std::size_t given = 0;                         // bytes, to commits
    std::vector<Step> steps = {};

    [[nodiscard]] const std::string& value() const { return made ? *made : job ? job->args : outcome->result; }
    // In memory: what was made of a job or an outcome is there beside it.
    [[nodiscard]] std::size_t bytes() const { return value().size() * (made ? 2 : 1); }
    [[nodiscard]] std::shared_ptr<const void> owner() const {
      if (made) return made;
      return job ? std::shared_ptr<const void>(job) : std::shared_ptr<const void>(outcome);
    }
  };
  using All = std::map<ValueName, Held>;

  [[nodiscard]] Held* find(const JobId& job);
  [[nodiscard]] std::size_t part(TimePoint now) const;
  [[nodiscard]] bool has_room(std::size_t bytes) const { return held_.empty() || bytes_ + bytes <= most_; }
  [[nodiscard]] bool hold(SessionId from, const message::Submission& job, bool wait, Effects& out);
  [[nodiscard]] bool hold(SessionId from, const message::Report& report, bool in_parts, Effects& out);
  [[nodiscard]] bool is_large(const message::Report& report) const;
  void add(const ValueName& name, Held held);
  static void follow(Held& held, Step step);
  template <class Message>
  [[nodiscard]] Message without_held(const Message& message, Step step);
  void pass_on(const ValueName& name, const Held& held, Moment now, Effects& out);
  void pass_on(const ValueName& name, const Held& held, const Step& step, Moment now, Effects& out);
  void refuse(All::iterator held, const Error& why, Moment now, Effects& out);
  void drop(All::iterator held, Effects& out);

  Engine& engine_;
  std::size_t large_;
  std::size_t piece_;
  std::size_t most_;
  All held_;
  std::deque<ValueName> order_;  // the oldest first; those that were dropped are still named
  std::size_t bytes_ = 0;
  std::optional<Clock::duration> usual_;  // what a commit takes at the least
  std::optional<TimePoint> alone_since_;  // commits have had nothing but parts; unset: that is not known
};

}  // namespace zebu::broker
