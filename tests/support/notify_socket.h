#pragma once

#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace zebu::test {

// The service manager's side of sd_notify: a datagram socket.
class NotifySocket {
 public:
  explicit NotifySocket(bool is_abstract = false)
      : address_((is_abstract ? "@zebu-test" : "") + (folder_.path() / "notify").string()),
        socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, address_.data(), address_.size());
    if (is_abstract) address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
    if (::bind(socket_, reinterpret_cast<const sockaddr*>(&address), size) != 0) throw std::runtime_error("bind");
  }
  ~NotifySocket() { ::close(socket_); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  // For NOTIFY_SOCKET.
  [[nodiscard]] const std::string& address() const { return address_; }

  // The next datagram; empty if none comes within the limit.
  std::string read(std::chrono::milliseconds limit = std::chrono::seconds(10)) const {
    pollfd item{socket_, POLLIN, 0};
    if (::poll(&item, 1, static_cast<int>(scaled(limit).count())) <= 0) return {};
    std::array<char, 4096> bytes{};
    const ssize_t n = ::recv(socket_, bytes.data(), bytes.size(), 0);
    return {bytes.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
  }
  // The next one that contains this; throws if it does not come.
  std::string read_until(const std::string& part, std::chrono::milliseconds limit = std::chrono::seconds(20)) const {
    const auto deadline = std::chrono::steady_clock::now() + scaled(limit);
    while (std::chrono::steady_clock::now() < deadline) {
      const std::string told = read(std::chrono::seconds(1));
      if (told.find(part) != std::string::npos) return told;
    }
    throw std::runtime_error("nobody said " + part);
  }
  // Drops what has come.
  void clear() const {
    while (!read(std::chrono::milliseconds(0)).empty()) {
    }
  }

 private:
  TempDir folder_;
  std::string address_;
  int socket_;
};

}  // namespace zebu::test
