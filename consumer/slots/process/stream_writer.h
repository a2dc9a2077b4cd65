#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include <string>

namespace zebu::consumer {

// Writes to a non-blocking stream and never waits for its reader: what the stream does not take is kept, and follows
// when it has room.
class StreamWriter {
 public:
  // The stream outlives the writer.
  explicit StreamWriter(boost::asio::posix::stream_descriptor& stream) : stream_(stream) {}

  // What is to be written next: append to it, then call write().
  [[nodiscard]] std::string& buffer() { return buffer_; }
  void write();
  // For another stream behind the same descriptor object: the old one was closed.
  void reset();

 private:
  boost::asio::posix::stream_descriptor& stream_;
  std::string buffer_;
  bool is_waiting_ = false;
};

}  // namespace zebu::consumer
