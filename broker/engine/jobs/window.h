#pragma once

#include <cstddef>
#include <optional>

namespace zebu::broker {

// Which part of an order is in memory, when the store has the whole of it: all jobs before `edge`, and perhaps more.
template <class Key>
struct Window {
  std::size_t jobs = 0;     // durable ones in memory
  std::size_t bytes = 0;    // of them
  std::optional<Key> edge;  // unset: all are in memory
  bool is_loading = false;
  std::optional<Key> missed;  // the first one that a load under way may not have seen

  [[nodiscard]] bool is_beyond(const Key& key) const { return edge && key >= *edge; }
  // A job at `key` is in the store only, from now on.
  void leave(const Key& key) {
    if (!edge || key < *edge) edge = key;
    if (is_loading && (!missed || key < *missed)) missed = key;
  }
  // A job at `key` was loaded, but cannot be taken in yet.
  void load_again(const Key& key) {
    if (!edge || key < *edge) edge = key;
  }
};

}  // namespace zebu::broker
