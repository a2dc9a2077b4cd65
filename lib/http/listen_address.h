#pragma once

#include "zebu/error.h"

#include <string>
#include <string_view>

namespace zebu::http {

struct ListenAddress {
  std::string host;  // without brackets; empty for all addresses
  std::string port;
};

// Parses "127.0.0.1:8080", "[::1]:8080", "localhost:0" and "*:80". The error says what is wrong with the text.
[[nodiscard]] Result<ListenAddress> parse_listen_address(std::string_view text);

// Whether only this machine can connect to it. False also if it cannot be parsed.
[[nodiscard]] bool is_loopback(std::string_view listen);

}  // namespace zebu::http
