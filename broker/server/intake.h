#pragma once

#include "broker/engine/jobs/session_id.h"
#include "zebu/wire/assembler.h"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace zebu::broker {

// The messages in parts that come from all peers, and share one room. Each reserves room for its whole length before it
// may come, so it is not interrupted for another one. One for which there is no room is put on HOLD, and may GO when
// its turn has come: in the order of arrival, but no session reserves more than its share while it has other messages
// on the way. A message that does not come on gives way to one that waits, and its session comes last until it has sent
// one whole. One thread.
class Intake {
 public:
  // most: bytes that one message may have. room: for all; at least `most`. least: of a message, in kTurns times the
  // liveness while others wait; less than a part.
  Intake(std::size_t most, std::size_t room, std::size_t least, std::chrono::milliseconds liveness)
      : most_(most), room_(room), share_(room / 4), least_(least), patience_(kTurns * liveness) {}

  // The message, if this was its last part. Errors: too_large, bad_message.
  [[nodiscard]] Result<std::optional<std::string>> take(SessionId session, const message::Part& part, TimePoint now);
  void ended(SessionId session);
  // Takes room from messages that do not come on, and gives it to those that wait.
  void tick(TimePoint now);

  // HOLD, or GO, for a peer.
  struct Word {
    SessionId session;
    std::uint64_t number;
    bool may_go;
  };
  // Those since the last call. They are to leave before anything acknowledges the part that was taken last.
  [[nodiscard]] std::vector<Word> take_words() { return std::exchange(words_, {}); }

  // Whether a message of the session has come half, or waits.
  [[nodiscard]] bool has_some_of(SessionId session) const;
  // Bytes that are reserved; at most `room`.
  [[nodiscard]] std::size_t reserved() const { return reserved_; }
  // Messages on HOLD.
  [[nodiscard]] std::size_t waiting() const { return waiting_; }

 private:
  // A sender's messages take turns, eight at a time, and whole ones go between: over the slowest link that works the
  // next part of a message comes within about five times the liveness.
  static constexpr int kTurns = 8;
  using Age = std::uint64_t;          // the smaller, the older
  using Turn = std::pair<bool, Age>;  // the smaller, the sooner: sessions that are slack come last
  struct Open {
    std::size_t total;
    std::size_t received = 0;
    // When this was looked at last, and what had come by then.
    TimePoint checked{};
    std::size_t had = 0;
  };
  // One that was told to GO, and has not begun anew yet. It will have another number, so it is known by its length.
  struct Granted {
    std::size_t total;
    TimePoint since;
  };
  struct Waiting {
    std::uint64_t number;
    std::size_t total;
    Age age;
  };
  struct Sender {
    Assembler assembler;
    std::unordered_map<std::uint64_t, Open> open;  // by number
    std::vector<Granted> granted;
    std::deque<Waiting> waiting;
    std::size_t reserved = 0;   // for `open` and `granted`
    bool is_slack = false;      // it did not use room that it had
    std::optional<Turn> ready;  // its place in ready_
  };

  [[nodiscard]] bool begin(SessionId session, Sender& sender, const message::Part& part);
  void wait(SessionId session, Sender& sender, std::uint64_t number, std::size_t total);
  void close(Sender& sender, std::uint64_t number);
  void give_back(Sender& sender, std::size_t bytes);
  void set_ready(SessionId session, Sender& sender);
  void serve();
  void check(SessionId session, Sender& sender);

  std::size_t most_;
  std::size_t room_;
  std::size_t share_;
  std::size_t least_;
  std::chrono::milliseconds patience_;
  std::size_t reserved_ = 0;
  std::size_t waiting_ = 0;
  TimePoint now_{};
  TimePoint checked_{};
  Age last_age_ = 0;
  std::map<SessionId, Sender> senders_;
  std::set<std::pair<Turn, SessionId>> ready_;  // sessions whose first waiting message is within their share
  std::vector<Word> words_;
};

}  // namespace zebu::broker
