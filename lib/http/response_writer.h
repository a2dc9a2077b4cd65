#pragma once

#include "http/response.h"
#include "zebu/asio.h"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace zebu::http {

class Connection;

// Sends a response whose body is not known yet: the head, then pieces of the body as they come. They are chunks (RFC
// 9112, 7.1); a client of HTTP/1.0 reads until the connection is closed. The body ends when the handler returns; what
// it returns is ignored. If it throws, the connection is cut off, so that the client does not take the body for whole.
//
// The connection owns it. It is used by the handler of its request, and by one coroutine at a time.
class ResponseWriter {
 public:
  ResponseWriter(Connection& connection, bool is_head) : connection_(connection), is_head_(is_head) {}
  ResponseWriter(const ResponseWriter&) = delete;
  ResponseWriter& operator=(const ResponseWriter&) = delete;

  // These two are suspended while the client does not read. False: there is nobody to write to, and the handler returns
  // now. The client has hung up, has read nothing within the idle timeout, or all clients together hold too much; or
  // the request is a HEAD.

  // The body of `head` is left out. probe: a piece that clients ignore. It is sent once a client has ended its sending
  // side, and shows whether it still reads (see HangUpWatch). Empty: there is none.
  //
  // Name what you pass: GCC 12 destroys a temporary in braces twice if it is in the expression of a co_await.
  [[nodiscard]] boost::asio::awaitable<bool> begin(Response head, std::string_view probe);
  [[nodiscard]] boost::asio::awaitable<bool> write(std::string piece);

  // Counts so many bytes that the handler keeps for this client, in place of those of before. False, and nothing
  // changes: there is no room for them.
  [[nodiscard]] bool keep(std::size_t bytes);

  [[nodiscard]] bool has_begun() const { return has_begun_; }
  [[nodiscard]] bool is_head() const { return is_head_; }

 private:
  Connection& connection_;
  bool is_head_;
  bool has_begun_ = false;
};

}  // namespace zebu::http
