#pragma once

#include "consumer/slots/process/frame_stream.h"
#include "consumer/slots/process/own_descriptor.h"
#include "consumer/slots/process/protocol.h"

#include <functional>
#include <mutex>

namespace zebu::consumer {

// The child's end of a stream to its parent. Any thread may send; only one at a time may receive. What cannot be sent,
// received or decoded ends the process: the parent is gone, or a task has meddled with the stream.
class ChildStream {
 public:
  // parent: this process's parent while the consumer lives.
  ChildStream(int descriptor, pid_t parent) : descriptor_(descriptor), parent_(parent) {}

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  void check() const { descriptor_.check(); }

  void send(const protocol::FromChild& message);
  // Calls handle(message) for each message that has arrived. Returns whether there may be more. flags: those of recv.
  bool receive(int flags, const std::function<void(const protocol::ToChild&)>& handle);

 private:
  [[noreturn]] void exit_closed() const;
  void wait_for(short events) const;

  OwnDescriptor descriptor_;
  pid_t parent_;
  FrameStream frames_;
  protocol::Decoder decoder_;
  std::mutex send_mutex_;
  FrameCount sent_;
};

}  // namespace zebu::consumer
