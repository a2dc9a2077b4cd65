#pragma once

#include "http/message.h"
#include "webfront/problem.h"

#include <boost/asio/buffer.hpp>

#include <memory>
#include <string>

namespace zebu::webfront {

// Bytes in, requests out: one connection's buffer and HTTP/1 parser. It touches no socket. The only place that knows
// Beast.
class RequestReader {
 public:
  RequestReader(std::size_t max_header, std::size_t max_body);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  // Room for bytes from the peer, empty when the buffer holds all that it may; then commit() what came.
  [[nodiscard]] boost::asio::mutable_buffer room();
  void commit(std::size_t count);

  enum class Step { need_more, complete, refused };
  // Parses what is there. After `complete` and `refused` only begin() goes on.
  [[nodiscard]] Step step();

  // Why the request was refused; the connection is of no use after that, since nobody knows where the next one starts.
  struct Refusal {
    Problem problem;
    std::string detail;
  };
  [[nodiscard]] const Refusal& refusal() const;

  // Of the request under way: some of its bytes came; its headers are complete.
  [[nodiscard]] bool has_started() const;
  [[nodiscard]] bool has_header() const;
  // The client waits for "100 Continue" before it sends the body.
  [[nodiscard]] bool expects_continue() const;

  // Of a complete request; the views live until begin(). `target` is as it came.
  void fill(Request& request) const;
  [[nodiscard]] std::string_view target() const;
  [[nodiscard]] bool keep_alive() const;
  [[nodiscard]] bool is_http_1_0() const;

  // Forgets the request and starts with the next.
  void begin();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace zebu::webfront
