#pragma once

#include "http/request.h"
#include "http/request_head.h"

#include <memory>
#include <span>
#include <string>

namespace zebu::http {

// Turns bytes into requests: the buffer and the HTTP/1 parser of one connection. It touches no socket. Its source is
// the only place that uses Beast.
class RequestReader {
 public:
  RequestReader(std::size_t max_header, std::size_t max_body);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  // Room for bytes from the client, empty when the buffer is full. commit() says how many bytes were written there.
  [[nodiscard]] std::span<char> room();
  void commit(std::size_t count);

  enum class Step { need_more, complete, refused };
  // Parses the buffered bytes. After `complete` or `refused` only begin() continues.
  [[nodiscard]] Step step();

  // Why the request was refused.
  [[nodiscard]] const Refusal& refusal() const;

  // Of the current request: whether bytes of it have arrived, and whether its headers are complete.
  [[nodiscard]] bool has_started() const;
  [[nodiscard]] bool has_header() const;
  // The client waits for "100 Continue" before it sends the body.
  [[nodiscard]] bool expects_continue() const;
  // X-Request-Id, once its headers are complete; empty if there is none or several.
  [[nodiscard]] std::string_view request_id() const;

  // Of the current request: the bytes of its body that have arrived and were not dropped.
  [[nodiscard]] std::size_t body_size() const;
  // Bytes that have arrived and are not parsed.
  [[nodiscard]] std::size_t unparsed_size() const;
  // Gives the memory of a body back. The request must be complete, or be read no further.
  void drop_body();

  // Of a complete request. The views are valid until begin(). fill() leaves the target alone: target() is its raw text.
  void fill(Request& request) const;
  [[nodiscard]] std::string_view target() const;
  [[nodiscard]] bool keep_alive() const;
  [[nodiscard]] bool is_http_1_0() const;

  // Discards the request and begins the next one. Memory that only a large request needed is given back.
  void begin();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace zebu::http
