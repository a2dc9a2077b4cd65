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
  // Sends all of it as PROGRESS messages.
  void send(std::size_t max_message, const std::function<void(Frame)>& send);

 private:
  std::map<AttemptId, Progress> unsent_;
  std::size_t output_bytes_ = 0;
};

}  // namespace zebu::consumer
