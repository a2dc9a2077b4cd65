#pragma once

#include "zebu/error.h"

#include <string>
#include <string_view>

namespace zebu::webfront {

struct ListenAddress {
  std::string host;  // without brackets; "" for all addresses
  std::string port;
};

// "127.0.0.1:8080", "[::1]:8080", "localhost:0", "*:80". An error names what is wrong.
[[nodiscard]] Result<ListenAddress> parse_listen_address(std::string_view text);

}  // namespace zebu::webfront
