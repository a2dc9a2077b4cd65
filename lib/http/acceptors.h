#pragma once

#include "zebu/asio.h"
#include "zebu/error.h"

#include <boost/asio/ip/tcp.hpp>

#include <string>
#include <vector>

namespace zebu::http {

using Acceptors = std::vector<boost::asio::ip::tcp::acceptor>;

// Listens on all addresses that `listen` stands for: "*:80" is every one of this machine, IPv6 and IPv4; a name may
// have several. The error names the address and the cause.
[[nodiscard]] Result<Acceptors> listen_on(boost::asio::io_context& loop, const std::string& listen);

}  // namespace zebu::http
