#pragma once

#include "http/problem.h"
#include "http/request.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zebu::http {

// Which requests come from a page of somebody else's, in a browser that can reach this server.
//
// A page may let its own name point to this server's address (DNS rebinding), and is then of the same origin. That name
// stands in Host. So a host is accepted only if no outsider can have its name: an address, a name without a dot or
// below .localhost, this machine's name, and the names that the server was told to accept.
class HostPolicy {
 public:
  // allowed: further names, "*" for all. own: names of this machine and this server.
  HostPolicy(const std::vector<std::string>& allowed, const std::vector<std::string>& own);

  // Why the request must not be served.
  [[nodiscard]] std::optional<Response> refuse(const Request& request) const;

 private:
  [[nodiscard]] bool accepts(std::string_view host) const;

  bool accepts_all_ = false;
  std::vector<std::string> names_;
};

// "host" of "host:80", "::1" of "[::1]:80"; nullopt if the text is not a host with or without a port.
[[nodiscard]] std::optional<std::string_view> host_in(std::string_view authority);

// The name of this machine; empty if it has none.
[[nodiscard]] std::string machine_name();

}  // namespace zebu::http
