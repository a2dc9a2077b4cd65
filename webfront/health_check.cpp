#include <utility>
// <utility> first: Boost 1.74's Asio uses std::exchange without including it.
#include "http/listen_address.h"
#include "webfront/health_check.h"

#include <boost/asio/ip/tcp.hpp>

#include <string>

namespace zebu::webfront {

Result<void> check_health(const Options& options) {
  auto address = parse_listen_address(options.listen);
  if (!address) return tl::make_unexpected(address.error());
  // What listens on all addresses is asked on loopback.
  if (address->host.empty() || address->host == "0.0.0.0") address->host = "127.0.0.1";
  if (address->host == "::") address->host = "::1";
  boost::asio::ip::tcp::iostream stream;
  stream.expires_after(std::chrono::seconds(2));
  stream.connect(address->host, address->port);
  stream << "GET /healthz HTTP/1.1\r\nHost: " << address->host << "\r\nConnection: close\r\n\r\n" << std::flush;
  std::string version;
  int status = 0;
  stream >> version >> status;
  if (status == 200) return {};
  const std::string why = status != 0 ? "it answered " + std::to_string(status) : stream.error().message();
  return fail(ErrorCode::system, "the front end at " + options.listen + " is not healthy: " + why);
}

}  // namespace zebu::webfront
