#pragma once

#include "tests/simulation/peer.h"

#include <map>

namespace zebu::simulation {

// A client (lib/zebu/client_session.*): submits, waits, leaves, cancels, and says again what was not answered after a
// new HELLO.
class Client final : public Peer {
 public:
  explicit Client(World& world) : Peer(world, message::Role::client) {}

  [[nodiscard]] bool is_done() const override { return entries_.empty(); }
  void submit(std::size_t jobs);
  // Waits for a job of its own or of another client.
  void wait(const JobId& id);
  void cancel(const JobId& id);
  void leave_one();
  [[nodiscard]] std::string misses() const;

 private:
  struct Entry {
    bool is_answered = false;
    bool is_waiting = false;
  };

  message::Hello hello() override;
  void up() override;
  void handle(const message::Message& message) override;
  void die() override { entries_.clear(); }

  void say(const std::vector<JobId>& ids);
  void accepted(const JobId& id);
  void attached(const JobId& id, const JobId& to);

  std::map<JobId, Entry> entries_;
};

}  // namespace zebu::simulation
