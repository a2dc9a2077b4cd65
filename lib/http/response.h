#pragma once

#include <chrono>
#include <ctime>
#include <string>
#include <string_view>

namespace zebu::http {

inline constexpr std::string_view kText = "text/plain; charset=utf-8";
inline constexpr std::string_view kJson = "application/json";
inline constexpr std::string_view kNdjson = "application/x-ndjson";  // a JSON value on each line

struct Response {
  unsigned status = 200;
  std::string_view content_type = kText;
  std::string body;
  std::string headers;  // further headers, as sent: "Retry-After: 1\r\n"
};

// The headers that all responses of a server share, as sent: "Server: zebu-webfront/0.1.0\r\nDate: Sun, 06 Nov 1994
// 08:49:37 GMT\r\n" (RFC 9110, 10.2.4 and 6.6.1).
class ServerHeaders {
 public:
  // server: the value of the header Server.
  explicit ServerHeaders(std::string_view server);

  // Sets the date; cheap when the second is the same.
  void update(std::time_t now);
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  std::string server_;
  std::time_t made_at_ = -1;
  std::string text_;
};

struct Framing {
  bool http_1_0 = false;
  bool keep_alive = true;
  bool is_head = false;              // the headers of a GET, without the body
  bool in_pieces = false;            // the body's length is not known: it comes in chunks, or ends with the connection
  std::string_view request_id = {};  // by which the client finds the request in logs
};

// Whether the body is sent after the head.
[[nodiscard]] bool has_body(const Response& response, const Framing& framing);
// Appends the status line and the headers as sent, with the empty line behind them.
void append_head(std::string& to, const Response& response, const Framing& framing, const ServerHeaders& shared);

// What stands before a chunk of so many bytes, behind each, and at the end of all (RFC 9112, 7.1).
void append_chunk_size(std::string& to, std::size_t size);
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

[[nodiscard]] std::string_view reason_of(unsigned status);

// "Retry-After: 2\r\n": whole seconds, rounded up, at least 1.
[[nodiscard]] std::string retry_after(std::chrono::milliseconds delay);

}  // namespace zebu::http
