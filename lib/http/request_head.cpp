#include "http/request_head.h"

#include "http/field.h"

#include <algorithm>

namespace zebu::http {
namespace {

Refusal bad(std::string detail) { return {problems::kBadRequest, std::move(detail)}; }

// METHOD SP TARGET SP HTTP/1.x
std::optional<Refusal> check_request_line(std::span<char> bytes) {
  const std::string_view line(bytes.data(), bytes.size());
  std::string_view rest = line;
  const std::string_view method = take(rest, ' ');
  const std::string_view target = take(rest, ' ');
  if (method.empty() || target.empty() || !std::all_of(method.begin(), method.end(), is_token_char))
    return bad("the request line must be METHOD TARGET HTTP/1.1");
  const bool is_version =
      rest.size() == 8 && rest.starts_with("HTTP/") && is_digit(rest[5]) && rest[6] == '.' && is_digit(rest[7]);
  if (!is_version) return bad("the request line must end in HTTP/1.1, and the target must not hold spaces");
  if (rest[5] != '1') return Refusal{problems::kVersion, "this server supports HTTP/1.1 and 1.0"};
  if (rest[7] > '1') bytes.back() = '1';
  return std::nullopt;
}

}  // namespace

bool is_token_char(char c) {
  return is_letter(c) || is_digit(c) ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

std::size_t RequestHead::empty_lines(std::string_view bytes) {
  std::size_t size = 0;
  while (bytes.substr(size).starts_with("\r\n")) size += 2;
  return size;
}

std::optional<Refusal> RequestHead::look(std::span<char> bytes) {
  const std::string_view text(bytes.data(), bytes.size());
  // Something else than HTTP, such as TLS, is not waited for.
  if (text.empty() || text == "\r") return std::nullopt;  // perhaps an empty line
  if (!is_token_char(text.front())) return bad("not an HTTP request");
  while (size_ == 0) {
    const std::size_t end = text.find('\n', looked_at_);
    looked_at_ = std::min(end, text.size());
    if (end == std::string_view::npos) break;
    if (auto wrong = end_line(bytes, end)) return wrong;
    looked_at_ = line_start_ = end + 1;
  }
  if (size_ > max_size_ || (size_ == 0 && text.size() >= max_size_)) {
    return Refusal{problems::kHeaderTooLarge, "the limit is " + std::to_string(max_size_) + " bytes"};
  }
  return std::nullopt;
}

std::optional<Refusal> RequestHead::end_line(std::span<char> bytes, std::size_t end) {
  if (end == line_start_ || bytes[end - 1] != '\r') return bad("a line must end with carriage return and line feed");
  const std::size_t size = end - 1 - line_start_;
  if (size == 0) {
    size_ = end + 1;
    return std::nullopt;
  }
  if (line_start_ == 0) return check_request_line(bytes.first(size));
  const char first = bytes[line_start_];
  if (first == ' ' || first == '\t') return bad("a header must not be folded over several lines");
  return std::nullopt;
}

std::optional<Refusal> check_transfer_encoding(std::string_view codings, bool is_http_1_0) {
  if (is_http_1_0) return bad("HTTP/1.0 has no Transfer-Encoding");
  std::string_view last;
  bool has_others = false;
  std::string_view rest = codings;
  while (!rest.empty()) {
    has_others = has_others || !last.empty();
    last = trim(take(rest, ','));
  }
  if (!is_same_name(last, "chunked")) return bad("Transfer-Encoding must end in chunked, or the body has no end");
  if (has_others) return Refusal{problems::kNotImplemented, "the only Transfer-Encoding that is supported is chunked"};
  return std::nullopt;
}

}  // namespace zebu::http
