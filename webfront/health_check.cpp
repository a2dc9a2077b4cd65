#include "webfront/health_check.h"

#include "http/listen_address.h"
#include "zebu/asio.h"

#include <boost/asio/ip/tcp.hpp>

#include <string>

namespace zebu::webfront {

Result<void> check_health(const Options& options) {
  auto address = http::parse_listen_address(options.http.listen);
  if (!address) return tl::make_unexpected(address.error());
  // A server that listens on all addresses is asked on loopback.
  if (address->host.empty() || address->host == "0.0.0.0") address->host = "127.0.0.1";
  if (address->host == "::") address->host = "::1";
  boost::asio::ip::tcp::iostream stream;
  stream.expires_after(std::chrono::seconds(2));
  stream.connect(address->host, address->port);
  const bool is_v6 = address->host.find(':') != std::string::npos;
  const std::string host = is_v6 ? "[" + address->host + "]" : address->host;
  stream << "GET /healthz HTTP/1.1\r\nHost: " << host << "\r\nConnection: close\r\n\r\n" << std::flush;
  std::string version;
  int status = 0;
  stream >> version >> status;
  if (status == 200) return {};
  const std::string why = status != 0 ? "it answered " + std::to_string(status) : stream.error().message();
  return fail(ErrorCode::system, "the front end at " + options.http.listen + " is not healthy: " + why);
}

}  // namespace zebu::webfront
