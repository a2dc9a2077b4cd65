#pragma once

#include "broker/engine/jobs/session_id.h"
#include "zebu/wire/assembler.h"

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace zebu::broker {

// The messages in parts that come from all peers, and share one room for what has come of them. One for which there is
// none is put on HOLD, and may GO when there is. Where bytes would not fit, the newest messages give way, so the oldest
// always comes to its end; and a peer that stops in the middle gives way to one that waits. One thread.
class Intake {
 public:
  // most: bytes that one message may have. room: for all; at least `most`. patience: a peer may be silent that long,
  // and a message on hold waits that long before it makes others give way.
  Intake(std::size_t most, std::size_t room, std::chrono::milliseconds patience)
      : most_(most), room_(room), patience_(patience) {}

  // The message, if this was its last part. Errors: too_large, bad_message.
  [[nodiscard]] Result<std::optional<std::string>> take(SessionId session, const message::Part& part, TimePoint now);
  void ended(SessionId session);
  // Lets go what can go.
  void tick(TimePoint now);

  // HOLD, or GO, for a peer.
  struct Word {
    SessionId session;
    std::uint64_t number;
    bool may_go;
  };
  // Those since the last call.
  [[nodiscard]] std::vector<Word> take_words() { return std::exchange(words_, {}); }

  // Bytes that have come of messages that are not whole yet; at most `room`.
  [[nodiscard]] std::size_t used() const { return used_; }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  using Age = std::uint64_t;  // the smaller, the older
  // One that was told to GO, and has not begun anew yet.
  struct Granted {
    std::size_t total;
    Age age;
    TimePoint since;
  };
  struct Sender {
    Assembler assembler;
    std::unordered_map<std::uint64_t, Age> open;  // by message
    std::vector<Granted> granted;
    std::size_t waiting = 0;
    TimePoint heard{};
  };
  struct Open {
    SessionId session;
    std::uint64_t number;
    std::size_t total;
    std::size_t received = 0;
  };
  struct Waiting {
    SessionId session;
    std::uint64_t number;
    std::size_t total;
    Age age;
    TimePoint since;
  };

  [[nodiscard]] std::optional<Age> admit(Sender& sender, const message::Part& part);
  [[nodiscard]] bool make_room(std::size_t bytes, Age age);
  void wait(SessionId session, std::uint64_t number, std::size_t total, Age age);
  void hold(std::map<Age, Open>::iterator open);
  void close(std::map<Age, Open>::iterator open);
  void serve();

  std::size_t most_;
  std::size_t room_;
  std::chrono::milliseconds patience_;
  std::size_t used_ = 0;
  TimePoint now_{};
  Age last_age_ = 0;
  std::unordered_map<SessionId, Sender> senders_;
  std::map<Age, Open> open_;
  std::deque<Waiting> waiting_;
  std::vector<Word> words_;
};

}  // namespace zebu::broker
