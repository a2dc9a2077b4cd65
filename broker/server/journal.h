#pragma once

#include "broker/engine/effects.h"
#include "zebu/program/tallies.h"

#include <optional>
#include <string>
#include <string_view>

namespace zebu::broker {

// The broker's log of what befalls peers, jobs and limits. What may come in any number (refusals, failures, errors of
// the protocol, slow commits) leaves a line for the first, and one with their number. One thread.
class Journal {
 public:
  // What the engine has to tell. Called after each message: it costs nothing where there is nothing.
  void note(const Effects& effects, TimePoint now);
  // A message that was answered with ERROR. peer: what tells its sender from others.
  void refused_message(message::Role role, std::string_view peer, std::string_view name, const Error& why,
                       TimePoint now);
  // A HELLO that was refused.
  void refused_peer(message::Role role, std::string_view name, const Error& why, TimePoint now);
  void committed(TimePoint::duration took, TimePoint now);
  void clock_is_ahead(std::chrono::milliseconds ahead);
  // Messages in parts that have to wait for room.
  void intake_waits(std::size_t waiting, TimePoint now);
  // About once a second.
  void tick(TimePoint now);

  // A commit that takes longer is slow.
  static constexpr std::chrono::milliseconds kSlowCommit{1000};
  // How long a peer, a task or the disk is quiet about the same thing after the first line.
  static constexpr std::chrono::milliseconds kErrors{10'000};
  static constexpr std::chrono::milliseconds kFailures{60'000};
  // Refusals have ended when there was none for so long.
  static constexpr std::chrono::milliseconds kQuiet{5'000};
  // Smaller steps of the clock are those of keeping it right.
  static constexpr std::chrono::milliseconds kStep{500};

 private:
  void note(const Effects::PeerNews& news) const;
  void note(const Effects::JobNews& news, TimePoint now);
  void note(const Effects::Refusal& refusal, TimePoint now);

  Tallies refusals_{Tallies::Ends::when_quiet, kQuiet};     // by code and queue
  Tallies failures_{Tallies::Ends::in_time, kFailures};     // by task and type of error
  Tallies errors_{Tallies::Ends::in_time, kErrors};         // by peer and code
  Tallies refused_peers_{Tallies::Ends::in_time, kErrors};  // by role and code
  Tallies slow_commits_{Tallies::Ends::in_time, kErrors};
  std::optional<std::chrono::milliseconds> ahead_;
  std::optional<TimePoint> intake_full_since_;
  TimePoint intake_waited_{};
};

}  // namespace zebu::broker
