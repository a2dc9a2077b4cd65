#pragma once

#include "tests/simulation/courier.h"
#include "tests/simulation/world.h"
#include "zebu/wire/assembler.h"

#include <deque>

namespace zebu::simulation {

// What clients and consumers share: a session that is made again when it breaks (lib/zebu/link.* without a socket).
class Peer {
 public:
  Peer(World& world, message::Role role) : world_(world), role_(role) {}
  virtual ~Peer() = default;
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void start();
  void arrive(const ConnectionPtr& connection, const std::string& frame);
  // The process dies, and another one is started in its place.
  void crash();
  void reconnect();
  // It stands still until then, and goes on where it was.
  void pause(Time until);
  [[nodiscard]] const ConnectionPtr& connection() const { return connection_; }
  // All that it asked for was answered.
  [[nodiscard]] bool is_done() const { return misses().empty(); }
  // The answers that it still waits for.
  [[nodiscard]] virtual std::string misses() const = 0;
  // Faults stop: so does what it makes up.
  virtual void calm_down() {}

 protected:
  [[nodiscard]] virtual message::Hello hello() = 0;
  virtual void up() = 0;
  virtual void handle(const message::Message& message) = 0;
  // Forgets all that the process had in memory.
  virtual void die() = 0;
  virtual void beat() {}

  void send(const message::Message& message) { send(encode(message)); }
  void send(Frame frame);
  // Sends BYE, and no longer lives.
  void leave(Time until_next);
  [[nodiscard]] bool is_up() const { return is_up_; }
  [[nodiscard]] std::uint64_t instance() const { return instance_; }
  // Calls `what` after `delay`, if this process lives then.
  void after(Time delay, std::function<void()> what);
  void exit(Time until_next);

  World& world_;

 private:
  void tick();
  void take(const ConnectionPtr& connection, const std::string& frame);
  void take_message(Bytes bytes);
  // True: a message has come with it as its last part.
  bool take_part(const message::Part& part);
  void hand_over(Frame frame);

  message::Role role_;
  std::uint64_t instance_ = 0;
  std::uint64_t life_ = 0;
  bool lives_ = false;
  Time paused_until_{};
  std::deque<std::pair<ConnectionPtr, std::string>> unread_;
  bool is_up_ = false;
  ConnectionPtr connection_;
  Time last_heard_{};
  Time last_sent_{};
  Decoder decoder_;
  Courier courier_;  // of the session that is up
  Assembler assembler_;
};

}  // namespace zebu::simulation
