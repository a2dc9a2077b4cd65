#pragma once

#include "consumer/slots/slot.h"
#include "zebu/wire/codec.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

namespace zebu::consumer {

// Outcomes from when their attempts ended until the broker has said that it keeps them. A new session hears all of them
// again, because nobody knows what the last one heard.
class Undelivered {
 public:
  void add(Finished finished);
  // A session starts: nothing of it was sent or kept.
  void start_session();
  // Sends what this session has not heard as OUTCOME messages; `credit` rides in the first. Returns false when there
  // was nothing to send.
  bool send(std::uint32_t credit, std::size_t max_message, const std::function<void(Frame)>& send);
  // KEPT: the first `count` outcomes of this session are the broker's now.
  void keep(std::uint64_t count);

  [[nodiscard]] bool empty() const { return outcomes_.empty(); }
  [[nodiscard]] std::size_t size() const { return outcomes_.size(); }
  void list(std::vector<AttemptId>& into) const;

 private:
  std::deque<Finished> outcomes_;  // the first sent_ of them were sent in this session
  std::size_t sent_ = 0;
  std::uint64_t kept_ = 0;  // in this session
};

}  // namespace zebu::consumer
