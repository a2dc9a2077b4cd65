#pragma once

#include "consumer/slots/slot.h"
#include "zebu/wire/codec.h"

#include <cstdint>
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
  // What a message may have (WELCOME).
  struct Limits {
    std::size_t message;
    std::size_t part;
  };
  // Sends the outcomes that were not sent in this session as OUTCOME messages, the first whole one with `credit`.
  // Returns the credit that no message took along: it would be late in one that is sent in parts.
  [[nodiscard]] std::uint32_t send(std::uint32_t credit, const Limits& limits, const std::function<void(Frame)>& send);
  // The broker has stored the first `count` outcomes that were sent in whole messages of this session, and these
  // others.
  void keep(const message::Kept& kept);

  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::size_t size() const { return outcomes_.size() + in_parts_.size(); }
  void list(std::vector<AttemptId>& into) const;

 private:
  BlockDeque<Finished> outcomes_;  // the first sent_ were sent in this session, in whole messages
  BlockDeque<Finished> in_parts_;  // sent in this session
  std::size_t sent_ = 0;
  std::uint64_t kept_ = 0;  // confirmed in this session
};

}  // namespace zebu::consumer
