#include "http/listen_address.h"

#include "zebu/asio.h"

#include <boost/asio/ip/address.hpp>

#include <charconv>
#include <cstdint>

namespace zebu::http {

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const auto bad = [&](const char* why) {
    return fail(ErrorCode::bad_value, "cannot listen on '" + std::string(text) + "': " + why);
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad("use HOST:PORT");
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (port.empty() || error != std::errc() || end != port.data() + port.size())
    return bad("the port must be a number from 0 to 65535");
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad("put an IPv6 address in brackets, as in [::1]:8080");
  }
  if (host == "*") host = {};
  return ListenAddress{std::string(host), std::string(port)};
}

bool is_loopback(std::string_view listen) {
  const auto address = parse_listen_address(listen);
  if (!address) return false;
  boost::system::error_code error;
  const auto numbers = boost::asio::ip::make_address(address->host, error);
  return error ? address->host == "localhost" : numbers.is_loopback();
}

}  // namespace zebu::http
