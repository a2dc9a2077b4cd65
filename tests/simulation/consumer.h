#pragma once

#include "tests/simulation/peer.h"

#include <deque>

namespace zebu::simulation {

// A consumer as the broker sees one (consumer/agent.*): credit, prefetch, slots, RETURN, outcomes kept until KEPT,
// drain. What its jobs do is chance.
class Consumer final : public Peer {
 public:
  Consumer(World& world, std::size_t number, std::vector<std::string> queues, std::vector<std::string_view> tasks);

  void drain();
  [[nodiscard]] std::string misses() const override;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  struct Attempt {
    AttemptId id;
    std::optional<std::chrono::milliseconds> hard_limit;
    bool is_running = false;
    bool is_stubborn = false;
    std::uint64_t run = 0;  // tells a timer that this run has ended
  };
  struct Finished {
    AttemptId id;
    Outcome outcome;
  };

  message::Hello hello() override;
  void up() override { flush(); }
  void handle(const message::Message& message) override;
  void die() override;
  void beat() override;

  void add(const message::Assignment& job);
  void stop(const AttemptId& id);
  void kept(const message::Kept& kept);
  void is_kept(const Finished& finished);
  void send_outcomes(std::uint32_t credit);
  void dispatch();
  void begin(Attempt& attempt);
  [[nodiscard]] Outcome chance_outcome(const Attempt& attempt);
  void end(const AttemptId& id, std::uint64_t run, const Outcome& outcome);
  void give_back(std::size_t most);
  void flush();
  void leave_when_drained();

  std::string name_;
  std::vector<std::string> queues_;
  std::vector<std::string_view> queue_views_;
  std::vector<std::string_view> tasks_;
  std::size_t slots_ = 1;
  std::size_t prefetch_ = 0;
  bool is_stubborn_ = false;  // cannot kill a job

  std::deque<Attempt> held_;
  std::deque<Finished> undelivered_;
  std::vector<Finished> in_parts_;  // likewise, sent in this session: they are kept by name
  std::size_t sent_ = 0;
  std::uint64_t kept_ = 0;
  std::size_t credit_ = 0;
  std::size_t voided_ = 0;  // that RETURN took back, and that may have been used before
  std::vector<AttemptId> returns_;
  bool is_draining_ = false;
  bool is_drained_ = false;  // in this session
  bool is_drain_said_ = false;
  std::uint64_t runs_ = 0;
};

}  // namespace zebu::simulation
