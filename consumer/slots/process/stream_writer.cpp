#include <utility>
// <utility> first: Boost 1.74's Asio uses std::exchange without including it.
#include "consumer/slots/process/stream_writer.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

namespace zebu::consumer {

void StreamWriter::write() {
  if (is_waiting_ || !stream_.is_open()) return;
  boost::system::error_code error;
  while (!buffer_.empty() && !error) {
    buffer_.erase(0, stream_.write_some(boost::asio::buffer(buffer_), error));
  }
  // Other errors mean that the reader is gone, which is handled elsewhere.
  if (error != boost::asio::error::would_block) return;
  is_waiting_ = true;
  stream_.async_wait(boost::asio::posix::stream_descriptor::wait_write,
                     [this](const boost::system::error_code& failed) {
                       if (failed) return;
                       is_waiting_ = false;
                       write();
                     });
}

void StreamWriter::reset() {
  buffer_.clear();
  frames_ = {};
  is_waiting_ = false;
}

}  // namespace zebu::consumer
