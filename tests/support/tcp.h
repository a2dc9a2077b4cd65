#pragma once

#include "tests/support/golden.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdexcept>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace zebu::test {

// A bare TCP connection to a port of this machine, for those who do not speak the protocol.
class TcpConnection {
 public:
  explicit TcpConnection(std::uint16_t port) : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (descriptor_ < 0 || ::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("cannot connect to port " + std::to_string(port));
    }
  }
  ~TcpConnection() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  TcpConnection(TcpConnection&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  TcpConnection& operator=(TcpConnection&&) = delete;

  // What the other side does not take because it has closed is its own affair.
  void send(const std::string& bytes) const {
    static_cast<void>(::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }

 private:
  int descriptor_;
};

inline std::uint16_t port_of(const std::string& endpoint) {
  return static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
}

inline std::vector<std::string> golden_frames() {
  std::vector<std::string> frames;
  for (GoldenLine& line : read_golden()) {
    if (line.section == "frame") frames.push_back(std::move(line.frame));
  }
  return frames;
}

}  // namespace zebu::test
