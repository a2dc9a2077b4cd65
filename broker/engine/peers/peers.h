#pragma once

#include "broker/engine/engine_options.h"
#include "broker/engine/jobs/queue.h"
#include "broker/engine/peers/health.h"
#include "broker/engine/peers/receipts.h"
#include "zebu/wire/message.h"

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace zebu::broker {

struct Seat;  // Dispatch's

// A consumer's side of a session.
struct Consumer {
  SessionId session = 0;
  InstanceId instance;
  SharedText name;
  std::vector<Queue*> queues;
  std::vector<std::string> tasks;  // in order
  std::uint32_t slots = 1;
  std::string pool;  // what its slots are, for people
  std::uint32_t credit = 0;
  bool draining = false;
  // What is known of its link: a job's attempt begins when its arguments have arrived, and its outcome may be on the
  // way.
  bool is_behind = false;               // something waits to leave for it
  std::optional<WallTime> caught_up{};  // when that was over last
  bool is_sending = false;              // a message in parts has come half
  bool is_cut_off = false;              // its connection is broken, so it gets nothing new
  bool is_late = false;                 // ConsumerChanged
  BatchNumber known_with = 0;   // the batch that records it; a restarted broker waits for recorded consumers only
  JobList running;              // assigned to it, in the order of assignment
  std::vector<JobId> suspects;  // that it has (Job::is_suspect); may name some that it has no more
  Receipts receipts;
  Health health;
  bool is_well = false;          // the engine: it is counted in Queue::well
  Seat* seat = nullptr;          // Dispatch's, through the engine
  bool is_touched = false;       // the engine: its credit or its free slots have changed
  bool awaits_receipts = false;  // the engine: it is in the list of those
};

// A peer that said HELLO.
struct Session {
  SessionId id = 0;
  message::Role role = message::Role::client;
  std::string name;
  InstanceId instance;
  TimePoint last_heard{};
  TimePoint::duration heard_at{};      // the same, in the time in which the broker listened
  std::unique_ptr<Consumer> consumer;  // of role consumer
  // Attempts named in HELLO that have to be looked up in the store. Until then the consumer gets no message, not even
  // WELCOME. So it sends nothing, and no outcome arrives before the claim to its attempt is decided.
  std::size_t open_claims = 0;
  bool is_welcomed = false;
  bool is_to_drain = false;
  std::vector<AttemptId> stops;
};

// Sessions and the processes behind them: which instance has which session, when it was last heard from, and which
// consumers a restarted broker still waits for.
//
// Silence is measured in the time in which the broker listened, for each role: what has arrived and is not read yet,
// and the broker's own pauses (it was stopped, its machine was) are nobody's silence.
class Peers {
 public:
  explicit Peers(const EngineOptions& options)
      : liveness_(options.liveness), beat_(options.beat()), max_peers_(options.max_peers) {}
  ~Peers();
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  [[nodiscard]] Session* find(SessionId id);
  [[nodiscard]] const Session* find(SessionId id) const;
  [[nodiscard]] const std::unordered_map<SessionId, Session>& all() const { return sessions_; }
  // Consumers in the order of their instances, so that a page of them is found without those before it.
  [[nodiscard]] const std::map<InstanceId, SessionId>& consumers() const { return consumers_; }
  [[nodiscard]] std::optional<SessionId> session_of(const InstanceId& instance) const;
  [[nodiscard]] bool is_full() const { return sessions_.size() >= max_peers_; }

  // A newer session of the same instance takes the older one's place in session_of().
  Session& add(SessionId id, const message::Hello& hello, TimePoint now);
  void remove(SessionId id);

  // ── silence
  // All that had come from peers of this role when listened() was called last has been read. The time since then
  // counts. True after a pause, which is a longer time than a beat and a half: then all of them have a fresh liveness
  // time.
  bool listened(message::Role role, TimePoint now);
  // How long the broker has listened to this role.
  [[nodiscard]] TimePoint::duration listening(message::Role role) const { return ear(role).total; }
  void heard(SessionId id, TimePoint now);
  struct Beat {
    std::vector<SessionId> silent;
    std::vector<SessionId> present;  // they get a beat
  };
  // nullopt: no beat is due yet.
  [[nodiscard]] std::optional<Beat> beat(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> next_beat() const { return next_beat_; }

  // ── after a restart
  // Waits for these consumers, and for holders of jobs, as long as the liveness time.
  void expect(std::vector<KnownConsumer> consumers, bool has_orphans, TimePoint now);
  void came(const InstanceId& instance);
  [[nodiscard]] bool is_waiting() const { return hold_until_.has_value(); }
  // All are back, or their time is up.
  [[nodiscard]] bool is_wait_over() const;
  [[nodiscard]] std::optional<TimePoint> wait_ends() const;
  // Ends the wait. Returns the consumers that have not come back.
  [[nodiscard]] std::vector<KnownConsumer> give_up();

  // Whether a consumer that says HELLO is late (ConsumerChanged): it was given up before, or names attempts that it
  // cannot have from this broker. Forgets that it was lost.
  [[nodiscard]] bool is_late(const message::Hello& hello);
  void lost(const InstanceId& instance, bool is_late);

 private:
  std::chrono::milliseconds liveness_;
  std::chrono::milliseconds beat_;
  std::size_t max_peers_;
  std::unordered_map<SessionId, Session> sessions_;
  std::unordered_map<InstanceId, SessionId> instances_;  // the newest session of each
  std::map<InstanceId, SessionId> consumers_;            // likewise
  struct Ear {
    TimePoint until{};  // the last call of listened()
    TimePoint::duration total{};
  };
  [[nodiscard]] Ear& ear(message::Role role) { return ears_[static_cast<std::size_t>(role)]; }
  [[nodiscard]] const Ear& ear(message::Role role) const { return ears_[static_cast<std::size_t>(role)]; }
  [[nodiscard]] TimePoint::duration listening_at(message::Role role, TimePoint now);

  std::array<Ear, 2> ears_;  // by role
  std::optional<TimePoint> next_beat_;
  std::vector<KnownConsumer> expected_;            // consumers from before the restart that are not back
  std::optional<TimePoint::duration> hold_until_;  // in the time of listening to consumers
  std::unordered_map<InstanceId, bool> lost_;      // by this broker, and not back; whether it was late
};

}  // namespace zebu::broker
