#pragma once

#include "tests/simulation/ledger.h"
#include "tests/simulation/scenario.h"

#include <memory>
#include <string>
#include <vector>

namespace zebu::simulation {

class Broker;
class Peer;

// One connection between a peer and the broker. Each way it is in order; what is on its way is lost when it is cut.
struct Connection {
  std::uint64_t number = 0;
  message::Role role = message::Role::client;
  Peer* peer = nullptr;
  bool is_cut = false;      // nothing arrives any more
  bool is_refused = false;  // and the broker's socket knows
  Time at_broker{0};        // when what was sent last arrives
  Time at_peer{0};
};
using ConnectionPtr = std::shared_ptr<Connection>;

// All of a run: one broker, its disk, consumers, clients, people, the network between them, and what goes wrong.
class World {
 public:
  // Its trace keeps so many lines.
  World(std::uint64_t seed, std::size_t lines);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // To the end. Throws a Violation.
  void run();

  [[nodiscard]] bool is_calm() const { return is_calm_; }  // faults have stopped
  void note(std::string_view what, std::initializer_list<std::uint64_t> values) {
    trace.note(time.now(), what, values);
  }
  // How far the wall clock is ahead of the broker's own time, and what it shows.
  [[nodiscard]] std::chrono::milliseconds clock_ahead() const { return clock_ahead_; }
  [[nodiscard]] WallTime wall() const { return time.moment().wall + clock_ahead_; }
  [[nodiscard]] std::uint64_t next_instance() { return instances_++; }
  [[nodiscard]] std::string queue_name(std::size_t number) const { return "queue" + std::to_string(number); }
  // The second one is not known to every consumer.
  [[nodiscard]] static std::string_view task_name(std::size_t task) { return task == 0 ? "work" : "other"; }

  // The network.
  [[nodiscard]] ConnectionPtr connect(Peer& peer, message::Role role);
  void to_broker(const ConnectionPtr& connection, std::string frame);
  // False: it cannot be delivered.
  [[nodiscard]] bool to_peer(const ConnectionPtr& connection, std::string frame);
  void cut(const ConnectionPtr& connection);
  void broker_is_back();

  Random random;
  Scenario scenario;
  Timeline time;
  Trace trace;
  Ledger ledger;

 private:
  [[nodiscard]] Time latency();
  // How long a link needs for these bytes.
  [[nodiscard]] Time crossing(std::string_view frame) const;
  // Calls `what` again and again, about `every` so often, until the faults stop.
  void repeat(Time every, std::function<void()> what);
  void start_faults();
  void crash_broker();
  void stand_still();
  void set_clock();
  void fill_store();
  void bother();
  void calm_down();
  [[nodiscard]] bool is_done() const;

  std::uint64_t instances_ = 0;
  std::uint64_t connections_ = 0;
  bool is_calm_ = false;
  std::chrono::milliseconds clock_ahead_{0};
  std::chrono::milliseconds most_ahead_{0};  // so far
  std::unique_ptr<Broker> broker_;
  std::vector<std::unique_ptr<Peer>> peers_;
};

}  // namespace zebu::simulation
