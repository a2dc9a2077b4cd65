#pragma once

#include "consumer/slots/process/frame_stream.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <string>

namespace zebu::consumer {

// Writes to a non-blocking stream without waiting for its reader: bytes that the stream does not take stay in the
// buffer and follow when it has room.
class StreamWriter {
 public:
  // The stream outlives the writer.
  explicit StreamWriter(boost::asio::posix::stream_descriptor& stream) : stream_(stream) {}

  // The bytes to write next: append to it, then call write().
  [[nodiscard]] std::string& buffer() { return buffer_; }
  // Of the stream.
  [[nodiscard]] FrameCount& frames() { return frames_; }
  void write();
  // The stream was closed: clears the buffer, for the next stream of the same descriptor object.
  void reset();

 private:
  boost::asio::posix::stream_descriptor& stream_;
  std::string buffer_;
  FrameCount frames_;
  bool is_waiting_ = false;
};

}  // namespace zebu::consumer
