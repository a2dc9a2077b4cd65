#pragma once

#include "broker/records/records.h"

#include <algorithm>
#include <optional>

namespace zebu::broker {

// The batches of the engine's records: one is open, at most one is sealed and being committed, all earlier ones are
// settled. Only this class compares batch numbers.
class Batches {
 public:
  // A record goes into the open batch. Returns its number.
  BatchNumber record() {
    newest_ = open_;
    return open_;
  }
  // Closes the open batch for its commit, and opens the next one.
  BatchNumber seal() { return open_++; }
  // All batches up to `batch` are durable.
  void settle(BatchNumber batch) { settled_ = std::max(settled_, batch); }

  [[nodiscard]] BatchNumber open() const { return open_; }
  [[nodiscard]] BatchNumber settled() const { return settled_; }
  // The last batch that has a record. 0 before the first one; batch 0 counts as settled.
  [[nodiscard]] BatchNumber newest() const { return newest_; }
  [[nodiscard]] bool is_settled(BatchNumber batch) const { return batch <= settled_; }
  // The commit that a reply which depends on `batch` waits for; nullopt: it may leave at once.
  [[nodiscard]] std::optional<BatchNumber> due(BatchNumber batch) const {
    return is_settled(batch) ? std::nullopt : std::optional(batch);
  }

 private:
  BatchNumber open_ = 1;
  BatchNumber settled_ = 0;
  BatchNumber newest_ = 0;
};

}  // namespace zebu::broker
