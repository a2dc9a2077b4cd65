#pragma once

#include "consumer/slots/slot.h"
#include "zebu/wire/codec.h"

#include <functional>
#include <map>

namespace zebu::consumer {

// Progress of attempts since the last PROGRESS message. Unlike outcomes it is sent once: a broken connection may lose
// it.
class UnsentProgress {
 public:
  void add(const ProgressUpdate& update);
  // Sends all of it as PROGRESS messages of at most `max_part` bytes: output that is longer leaves piece by piece, or
  // the attempt's OUTCOME could pass it.
  void send(std::size_t max_part, const std::function<void(Frame)>& send);

 private:
  std::map<AttemptId, Progress> unsent_;
  std::size_t output_bytes_ = 0;
};

}  // namespace zebu::consumer
