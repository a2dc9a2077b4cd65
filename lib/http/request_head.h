#pragma once

#include "http/problem.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace zebu::http {

// Why a request was refused. The connection cannot be used after that: where the next request starts is unknown.
struct Refusal {
  Problem problem;
  std::string detail;
};

// Finds the head of a request (its line and its fields, up to the empty line) in the bytes that have come so far, and
// refuses what a parser that comes later might read in another way than a proxy before this server did: line feeds
// without carriage returns, folded lines, request lines with blanks (RFC 9112, 2.2, 3 and 5.2). One for each request.
class RequestHead {
 public:
  explicit RequestHead(std::size_t max_size) : max_size_(max_size) {}

  // How many of these bytes are empty lines before a request, which are skipped.
  [[nodiscard]] static std::size_t empty_lines(std::string_view bytes);

  // Looks at all bytes that have come of this request; each call gets those of the call before, and more. Sets size()
  // when the head is complete. A request of a later HTTP/1 is made one of HTTP/1.1 in place (RFC 9110, 2.5).
  [[nodiscard]] std::optional<Refusal> look(std::span<char> bytes);
  // Whether nothing was looked at yet.
  [[nodiscard]] bool is_empty() const { return looked_at_ == 0; }
  // The head's bytes, the empty line included; 0 until it is complete.
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  [[nodiscard]] std::optional<Refusal> end_line(std::span<char> bytes, std::size_t end);

  std::size_t max_size_;
  std::size_t size_ = 0;
  std::size_t looked_at_ = 0;   // bytes
  std::size_t line_start_ = 0;  // of the line that is not complete
};

// The letters, digits and signs of methods and names of fields (RFC 9110, 5.6.2).
[[nodiscard]] bool is_token_char(char c);

// Whether a body with these values of Transfer-Encoding (of all its lines, joined by commas) can be read: chunked, and
// nothing else, is understood. Returns why not.
[[nodiscard]] std::optional<Refusal> check_transfer_encoding(std::string_view codings, bool is_http_1_0);

}  // namespace zebu::http
