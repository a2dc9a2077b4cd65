#pragma once

#include "tests/crash/plan.h"
#include "tests/support/process.h"

#include <deque>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace zebu::crash {

struct RoundOptions {
  std::filesystem::path folder;  // for the store and all that is written down
  std::uint64_t seed = 0;        // of the plan, and of who is killed when
  std::size_t jobs = 10'000;
  std::size_t strikes = 8;
};

// A process that is killed and started again, as often as it takes. Those that were killed stay until the round's end:
// what their children still do counts.
class Mortal {
 public:
  explicit Mortal(test::ProcessOptions options) : options_(std::move(options)) {}

  void start();
  void kill();
  [[nodiscard]] bool is_started() const { return is_started_; }
  // It has exited by itself, with 0. Throws when it has exited in another way.
  [[nodiscard]] bool is_finished();
  [[nodiscard]] test::Process& process() { return lives_.back(); }
  [[nodiscard]] test::ProcessOptions& options() { return options_; }
  // What each of its lives said on stderr.
  [[nodiscard]] std::string said() const;

 private:
  test::ProcessOptions options_;
  std::deque<test::Process> lives_;
  bool is_started_ = false;
};

// One round: a broker, consumers and producers, and kill -9 at random moments until the strikes are used up; then all
// that was submitted may end, and what was written down is compared with what the broker says after a last kill -9.
class Round {
 public:
  explicit Round(const RoundOptions& options);

  // Throws what is wrong, of the processes or of the outcomes.
  void run();

 private:
  struct Consumer {
    Mortal mortal;
    std::string name;
    bool may_die = false;
    std::vector<std::filesystem::path> begun;  // a file for each life
  };
  struct Producer {
    Mortal mortal;
    std::filesystem::path plan;
    std::filesystem::path heard;
  };

  void start_broker();
  void start_consumer(Consumer& consumer);
  void add_consumer(const std::string& name, const std::string& pool, bool may_die);
  void add_producer(const std::string& name, std::size_t jobs);
  void add_map(std::size_t lines);
  void strike();
  void pause(int most_ms);
  [[nodiscard]] bool flip(double chance);
  void wait_for_producers();
  void stop_all();
  void check_outcomes();
  void check_map() const;
  void check_store() const;
  void save_what_was_said() const;

  RoundOptions options_;
  std::mt19937_64 dice_;
  std::size_t window_;
  int sync_ms_;
  std::string clients_ = "tcp://127.0.0.1:*";
  std::string consumers_endpoint_ = "tcp://127.0.0.1:*";
  Mortal broker_;
  std::deque<Consumer> consumers_;
  std::deque<Producer> producers_;
  Mortal map_;
  std::size_t map_lines_ = 0;
};

}  // namespace zebu::crash
