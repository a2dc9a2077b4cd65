#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace zebu::test {

using HttpHeaders = std::map<std::string, std::string>;

struct HttpReply {
  int status = 0;
  HttpHeaders headers;  // names in lower case
  std::string body;

  bool has(const std::string& name) const { return headers.contains(name); }
  // Empty when it is not there.
  std::string header(const std::string& name) const;
};

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";
  HttpHeaders headers = {};
  std::string body = {};  // Content-Length is added when there is one
};

// One blocking HTTP/1.1 connection, to an address of IPv4 or IPv6, that can also misbehave: send() takes raw bytes,
// whole or in parts, and receive() reads one reply at a time, so that pipelining and slow clients are a few lines.
// Every wait has a limit (see scaled()) and throws when it passes or when the server closes in the middle of a reply.
class HttpConnection {
 public:
  explicit HttpConnection(std::uint16_t port, const std::string& host = "127.0.0.1");
  ~HttpConnection();
  HttpConnection(HttpConnection&& other) noexcept;
  HttpConnection& operator=(HttpConnection&&) = delete;

  HttpReply request(const HttpRequest& request, std::chrono::milliseconds limit = std::chrono::seconds(10));

  void send(std::string_view bytes);
  // bodiless: the reply answers a HEAD. Interim replies (100 Continue) count as replies of their own.
  HttpReply receive(std::chrono::milliseconds limit = std::chrono::seconds(10), bool bodiless = false);
  // The next chunk of a reply whose head receive() has read as a bodiless one; empty: it was the last.
  std::string receive_chunk(std::chrono::milliseconds limit = std::chrono::seconds(10));
  // Something has come, or the server has closed.
  [[nodiscard]] bool has_input() const;
  // Waits for the server to close; false when it sends something instead or keeps the connection open.
  [[nodiscard]] bool closes(std::chrono::milliseconds limit = std::chrono::seconds(10));
  // The server has cut the connection off.
  [[nodiscard]] bool is_reset() const;
  // Sends FIN and still reads.
  void finish_sending();
  // Hangs up at once.
  void close();

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  bool read_some(Deadline deadline);
  std::string take(std::size_t size, Deadline deadline);
  std::string take_line(Deadline deadline);
  std::string take_chunks(Deadline deadline);

  int fd_;
  std::string buffer_;
};

// The bytes of a request as request() sends them.
std::string to_bytes(const HttpRequest& request);

// On a connection of its own.
HttpReply http(std::uint16_t port, const HttpRequest& request,
               std::chrono::milliseconds limit = std::chrono::seconds(10));
HttpReply http_get(std::uint16_t port, const std::string& target,
                   std::chrono::milliseconds limit = std::chrono::seconds(10));

}  // namespace zebu::test
