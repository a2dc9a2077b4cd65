#pragma once

#include "tests/crash/cast.h"
#include "zebu/client.h"

#include <functional>
#include <random>
#include <vector>

namespace zebu::crash {

// What a program survives: connections that are reset, stand still in one direction or both, or become slow; pauses of
// one program or of all at once; clocks that step. A consumer is never silent for long by this, unless it may die and
// the round is one of both kinds; then its life is marked as excused.
class Troubles {
 public:
  Troubles(Cast& cast, std::mt19937_64& dice);

  // Some of these at once, and their end; returns when the broker has heard every consumer since.
  void strike();
  // Until the broker has heard every consumer from now on. So two short silences never make a long one.
  void wait_until_heard();
  // Every link is as fast as at first, and the clocks are right.
  void end();

 private:
  struct Ending {
    std::chrono::milliseconds after;
    std::function<void()> undo;
  };

  void disturb(Consumer& consumer);
  void disturb(Submitter& submitter);
  void disturb_broker();
  void stop_everything();
  void step(test::SteppedClock* clock);
  void silence(Consumer& consumer);
  void stand_still(Mortal& mortal, const std::string& name, std::chrono::milliseconds time);
  void stall(test::SlowLink& link, const std::string& name, std::chrono::milliseconds time);
  void change(test::SlowLink& link, const std::string& name);

  [[nodiscard]] bool flip(double chance) { return std::bernoulli_distribution(chance)(dice_); }
  [[nodiscard]] std::uint64_t roll(std::uint64_t sides) { return dice_() % sides; }
  // As part of the liveness.
  [[nodiscard]] std::chrono::milliseconds between(double least, double most);
  [[nodiscard]] std::chrono::milliseconds short_time() { return between(0.02, 0.3); }
  [[nodiscard]] std::chrono::milliseconds long_time() { return between(1.2, 1.8); }

  Cast& cast_;
  std::mt19937_64& dice_;
  std::vector<Ending> endings_;
  std::unique_ptr<Client> asking_;  // the broker, by a connection that nothing disturbs
};

}  // namespace zebu::crash
