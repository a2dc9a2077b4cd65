#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace zebu::broker {

// How many bytes of new durable jobs the store takes. The store measures its disk behind a commit; what was accepted
// since then is not written yet, so each accepted job uses up some of what was measured. What becomes of accepted jobs
// (outcomes, cancels, forgetting) is never refused: the store keeps room for it that it does not tell of.
class StoreRoom {
 public:
  // What the disk takes for a job or a piece of a value of so many bytes: once in the log, once in the file.
  [[nodiscard]] static constexpr std::uint64_t cost(std::size_t bytes) { return 2 * std::uint64_t{bytes} + kRow; }

  // The store's newest word; all but the open batch is written. Unset: there is no limit. is_low: little is left even
  // of what is kept for accepted jobs.
  void measured(std::optional<std::uint64_t> bytes, bool is_low) {
    left_ = bytes;
    is_low_ = is_low;
    if (left_) *left_ -= std::min(*left_, open_);
  }
  // Is going to be written with the open batch.
  void take(std::size_t bytes) {
    open_ += cost(bytes);
    if (left_) *left_ -= std::min(*left_, cost(bytes));
  }
  // The open batch is being written.
  void seal() { open_ = 0; }

  // Then no durable job is started: what is left is for the outcomes of those that run, and for forgetting, which makes
  // room again.
  [[nodiscard]] bool is_low() const { return is_low_; }
  [[nodiscard]] bool has_room_for(std::size_t bytes) const { return !left_ || *left_ >= cost(bytes); }

 private:
  static constexpr std::uint64_t kRow = 512;

  std::optional<std::uint64_t> left_;
  std::uint64_t open_ = 0;  // of the open batch
  bool is_low_ = false;
};

}  // namespace zebu::broker
