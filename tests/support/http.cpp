#include "tests/support/http.h"

#include "tests/support/eventually.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <poll.h>
#include <stdexcept>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace zebu::test {
namespace {

using Clock = std::chrono::steady_clock;

int connect_to(std::uint16_t port, const std::string& host) {
  sockaddr_in6 v6{};
  sockaddr_in v4{};
  v6.sin6_family = AF_INET6;
  v4.sin_family = AF_INET;
  v6.sin6_port = v4.sin_port = htons(port);
  const bool is_v6 = inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1;
  if (!is_v6 && inet_pton(AF_INET, host.c_str(), &v4.sin_addr) != 1)
    throw std::invalid_argument(host + " is no address");
  // The sockets API takes every kind of address as a sockaddr.
  const auto* address = is_v6 ? reinterpret_cast<const sockaddr*>(&v6) : reinterpret_cast<const sockaddr*>(&v4);
  const int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, address, is_v6 ? sizeof v6 : sizeof v4) != 0) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    throw std::system_error(error, std::generic_category(), "connecting to " + host + ":" + std::to_string(port));
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

std::string HttpReply::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

std::string to_bytes(const HttpRequest& request) {
  std::string text = request.method + " " + request.target + " HTTP/1.1\r\n";
  if (!request.headers.contains("Host")) text += "Host: localhost\r\n";
  for (const auto& [name, value] : request.headers) text += name + ": " + value + "\r\n";
  if (!request.body.empty()) text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  return text + "\r\n" + request.body;
}

HttpConnection::HttpConnection(std::uint16_t port, const std::string& host) : fd_(connect_to(port, host)) {}

HttpConnection::~HttpConnection() { close(); }

HttpConnection::HttpConnection(HttpConnection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}

HttpReply HttpConnection::request(const HttpRequest& request, std::chrono::milliseconds limit) {
  send(to_bytes(request));
  for (;;) {
    HttpReply reply = receive(limit, request.method == "HEAD");
    if (reply.status >= 200) return reply;
  }
}

void HttpConnection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) throw std::system_error(errno, std::generic_category(), "sending a request");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

HttpReply HttpConnection::receive(std::chrono::milliseconds limit, bool bodiless) {
  const Deadline deadline = Clock::now() + scaled(limit);
  HttpReply reply;
  const std::string status_line = take_line(deadline);
  if (!status_line.starts_with("HTTP/1.1 ")) throw std::runtime_error("not a status line: " + status_line);
  reply.status = std::stoi(status_line.substr(9));
  for (std::string line = take_line(deadline); !line.empty(); line = take_line(deadline)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) throw std::runtime_error("not a header: " + line);
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    reply.headers[lower(line.substr(0, colon))] = value == std::string::npos ? "" : line.substr(value);
  }
  if (bodiless || reply.status < 200 || reply.status == 204 || reply.status == 304) return reply;
  if (lower(reply.header("transfer-encoding")) == "chunked") {
    reply.body = take_chunks(deadline);
  } else if (reply.has("content-length")) {
    reply.body = take(std::stoul(reply.header("content-length")), deadline);
  } else {
    while (read_some(deadline)) continue;
    reply.body = std::exchange(buffer_, {});
  }
  return reply;
}

std::string HttpConnection::receive_chunk(std::chrono::milliseconds limit) {
  const Deadline deadline = Clock::now() + scaled(limit);
  const std::size_t size = std::stoul(take_line(deadline), nullptr, 16);
  std::string chunk = take(size, deadline);
  take_line(deadline);
  return chunk;
}

bool HttpConnection::has_input() const {
  pollfd wanted{fd_, POLLIN, 0};
  return !buffer_.empty() || poll(&wanted, 1, 0) > 0;
}

bool HttpConnection::closes(std::chrono::milliseconds limit) {
  if (!buffer_.empty()) return false;
  pollfd wanted{fd_, POLLIN, 0};
  if (poll(&wanted, 1, static_cast<int>(scaled(limit).count())) <= 0) return false;
  char byte = 0;
  return recv(fd_, &byte, 1, MSG_PEEK) <= 0;
}

bool HttpConnection::is_reset() const {
  pollfd state{fd_, 0, 0};
  return poll(&state, 1, 0) > 0 && (state.revents & POLLERR) != 0;
}

void HttpConnection::finish_sending() { shutdown(fd_, SHUT_WR); }

void HttpConnection::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

// False when the server has closed.
bool HttpConnection::read_some(Deadline deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) throw std::runtime_error("no whole HTTP reply in time; so far: " + buffer_);
    pollfd wanted{fd_, POLLIN, 0};
    if (poll(&wanted, 1, static_cast<int>(left.count())) <= 0) continue;
    std::array<char, 16384> chunk;
    const ssize_t size = recv(fd_, chunk.data(), chunk.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw std::system_error(errno, std::generic_category(), "reading a reply");
    buffer_.append(chunk.data(), static_cast<std::size_t>(size));
    return size > 0;
  }
}

std::string HttpConnection::take(std::size_t size, Deadline deadline) {
  while (buffer_.size() < size) {
    if (!read_some(deadline)) throw std::runtime_error("closed in the middle of a body: " + buffer_);
  }
  std::string taken = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return taken;
}

std::string HttpConnection::take_line(Deadline deadline) {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!read_some(deadline)) throw std::runtime_error("closed before a reply was complete: '" + buffer_ + "'");
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

std::string HttpConnection::take_chunks(Deadline deadline) {
  std::string body;
  while (const std::size_t size = std::stoul(take_line(deadline), nullptr, 16)) {
    body += take(size, deadline);
    take_line(deadline);
  }
  while (!take_line(deadline).empty()) continue;
  return body;
}

HttpReply http(std::uint16_t port, const HttpRequest& request, std::chrono::milliseconds limit) {
  return HttpConnection(port).request(request, limit);
}

HttpReply http_get(std::uint16_t port, const std::string& target, std::chrono::milliseconds limit) {
  return http(port, {.method = "GET", .target = target, .headers = {}, .body = {}}, limit);
}

}  // namespace zebu::test
