#pragma once

#include "tests/crash/cast.h"
#include "tests/crash/ledger.h"
#include "tests/crash/troubles.h"

#include <filesystem>
#include <random>
#include <string>

namespace zebu::crash {

struct RoundOptions {
  std::filesystem::path folder;  // for the store and all that is written down
  RoundKind kind = RoundKind::kills;
  std::uint64_t seed = 0;  // of the plan, and of what befalls whom when
  std::size_t jobs = 10'000;
};

// One round: a broker, consumers, producers, and kill -9 or troubles at random moments; then all that was submitted may
// end, and what was written down is compared with what the broker says after a last kill -9.
class Round {
 public:
  explicit Round(const RoundOptions& options);

  // Throws what is wrong, of the processes or of the outcomes.
  void run();
  // The machine itself stood still for long, so a living consumer may have been taken for dead: that it was not is only
  // checked without this.
  [[nodiscard]] bool is_excused() const { return is_excused_; }

 private:
  void start();
  void strike();
  void strike_dead();
  void pause(int most_ms);
  [[nodiscard]] bool flip(double chance);
  void wait_for_submitters();
  [[nodiscard]] std::uintmax_t bytes_heard() const;
  void check_outcomes();
  void add_what_was_written(Ledger& ledger) const;
  void add_what_broker_says(Ledger& ledger) const;
  void check_map() const;
  void check_store() const;
  void check_slots() const;

  RoundOptions options_;
  std::mt19937_64 dice_;
  Cast cast_;
  std::optional<Troubles> troubles_;
  std::size_t map_lines_;
  bool is_excused_ = false;
};

}  // namespace zebu::crash
