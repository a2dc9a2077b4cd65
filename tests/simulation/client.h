#pragma once

#include "tests/simulation/peer.h"

#include <map>
#include <optional>
#include <set>

namespace zebu::simulation {

// A client (lib/zebu/client_session.*): submits, waits, leaves, cancels, and says again what was not answered after a
// new HELLO.
class Client final : public Peer {
 public:
  explicit Client(World& world) : Peer(world, message::Role::client) {}

  void submit(std::size_t jobs);
  // Waits for a job of its own or of another client.
  void wait(const JobId& id);
  void cancel(const JobId& id);
  void leave_one();
  [[nodiscard]] std::string misses() const override;

 private:
  struct Entry {
    bool is_answered = false;
    bool is_waiting = false;
  };

  message::Hello hello() override;
  void up() override;
  void handle(const message::Message& message) override;
  void beat() override;
  void die() override;

  void say(const std::vector<JobId>& ids);
  void send_cancels(const std::vector<JobId>& ids);
  void accepted(const JobId& id);
  void attached(const JobId& id, const JobId& to);

  std::map<JobId, Entry> entries_;
  std::set<JobId> cancels_;  // those that no ENDING, UNKNOWN or DONE has answered
  std::uint64_t last_echo_ = 0;
  std::optional<std::uint64_t> echo_;  // of this session, and not answered yet
};

}  // namespace zebu::simulation
