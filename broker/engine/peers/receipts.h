#pragma once

#include "broker/engine/batches.h"
#include "zebu/job.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace zebu::broker {

// How many of a consumer's outcomes are durable, and how many of those KEPT has confirmed. The consumer keeps its
// outcomes until then. Only a draining consumer waits for KEPT, so it can ride on the next BEAT, unless the consumer
// would have to keep much until then.
class Receipts {
 public:
  struct Kept {
    std::uint64_t count;
    std::vector<AttemptId> in_parts;  // since the last one
    bool at_once;
  };

  // An outcome came that is durable with `batch`; nullopt: it is already.
  void depends_on(std::optional<BatchNumber> batch) { batch_ = std::max(batch_, batch); }
  // A message brought this many outcomes.
  void add(std::size_t outcomes, std::size_t bytes) {
    count_ += outcomes;
    unconfirmed_ += outcomes;
    unconfirmed_bytes_ += bytes;
  }
  // A message in parts brought this one. Others may have passed it, so it is confirmed by name.
  void add_in_parts(const AttemptId& attempt, std::size_t bytes) {
    in_parts_.push_back(attempt);
    ++unconfirmed_;
    unconfirmed_bytes_ += bytes;
  }
  // The next outcome that a message brings is held back: KEPT does not confirm it, nor any later one. Returns its
  // place.
  std::uint64_t hold(std::size_t bytes) {
    add(1, bytes);
    held_.push_back({count_, std::nullopt});
    return count_;
  }
  // It is held back no longer, and durable with `batch`.
  void release(std::uint64_t place, BatchNumber batch) {
    for (Held& held : held_) {
      if (held.place == place) held.batch = batch;
    }
    depends_on(batch);
  }
  // The open batch is sealed.
  void seal() {
    sealed_ = count_;
    sealed_in_parts_ = in_parts_.size();
  }
  // The KEPT to send after a commit.
  [[nodiscard]] std::optional<Kept> settled(const Batches& batches, bool is_draining) {
    std::erase_if(held_, [&](const Held& held) { return held.batch && batches.is_settled(*held.batch); });
    if (!batch_) return std::nullopt;
    const bool is_all = batches.is_settled(*batch_);
    if (is_all) batch_.reset();
    if (is_all) sealed_in_parts_ = in_parts_.size();
    return confirm(is_all ? count_ : sealed_, is_draining);
  }
  // The KEPT for all outcomes so far, if none waits for a commit.
  [[nodiscard]] std::optional<Kept> at_once(bool is_draining) {
    if ((count_ == 0 && in_parts_.empty()) || batch_) return std::nullopt;
    sealed_in_parts_ = in_parts_.size();
    return confirm(count_, is_draining);
  }
  [[nodiscard]] bool is_waiting() const { return batch_.has_value(); }

 private:
  static constexpr std::size_t kMany = 256;
  static constexpr std::size_t kMuch = 64U << 10;

  [[nodiscard]] std::optional<Kept> confirm(std::uint64_t count, bool is_draining) {
    for (const Held& held : held_) count = std::min(count, held.place - 1);
    if (count < confirmed_ || (count == 0 && sealed_in_parts_ == 0)) return std::nullopt;
    confirmed_ = count;
    const bool at_once = is_draining || unconfirmed_ >= kMany || unconfirmed_bytes_ >= kMuch;
    if (at_once) unconfirmed_ = unconfirmed_bytes_ = 0;
    const auto rest = in_parts_.begin() + static_cast<std::ptrdiff_t>(std::exchange(sealed_in_parts_, 0));
    Kept kept{count, {in_parts_.begin(), rest}, at_once};
    in_parts_.erase(in_parts_.begin(), rest);
    return kept;
  }

  std::uint64_t count_ = 0;
  std::optional<BatchNumber> batch_;  // that makes all outcomes durable; unset: they are
  std::uint64_t sealed_ = 0;          // outcomes of the sealed batch and of all earlier ones
  std::uint64_t confirmed_ = 0;
  std::vector<AttemptId> in_parts_;  // not confirmed
  std::size_t sealed_in_parts_ = 0;  // the first of them, likewise
  struct Held {
    std::uint64_t place;
    std::optional<BatchNumber> batch;  // unset: it is still held back
  };
  std::vector<Held> held_;
  // Outcomes since the last KEPT that was sent at once, and their bytes.
  std::size_t unconfirmed_ = 0;
  std::size_t unconfirmed_bytes_ = 0;
};

}  // namespace zebu::broker
