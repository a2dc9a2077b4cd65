#pragma once

#include "consumer/slots/slot.h"
#include "zebu/wire/codec.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

namespace zebu::consumer {

// Outcomes that the broker has not confirmed by KEPT yet. A new session sends all of them again, because it is unknown
// which ones the broker received in the last session.
class Undelivered {
 public:
  void add(Finished finished);
  // A session starts: no outcome has been sent or confirmed in it.
  void start_session();
  // Sends the outcomes that were not sent in this session as OUTCOME messages, the first one with `credit`. Returns
  // false if there was nothing to send.
  bool send(std::uint32_t credit, std::size_t max_message, const std::function<void(Frame)>& send);
  // KEPT: the broker has stored the first `count` outcomes of this session.
  void keep(std::uint64_t count);

  [[nodiscard]] bool empty() const { return outcomes_.empty(); }
  [[nodiscard]] std::size_t size() const { return outcomes_.size(); }
  void list(std::vector<AttemptId>& into) const;

 private:
  std::deque<Finished> outcomes_;  // the first sent_ were sent in this session
  std::size_t sent_ = 0;
  std::uint64_t kept_ = 0;  // confirmed in this session
};

}  // namespace zebu::consumer
