#include "http/acceptors.h"

#include "http/listen_address.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>

#include <utility>

namespace zebu::http {

using boost::system::error_code;
using tcp = boost::asio::ip::tcp;

namespace {

// both: an address of IPv6 takes connections of IPv4 as well.
error_code open(tcp::acceptor& acceptor, const tcp::endpoint& endpoint, bool both) {
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && both) acceptor.set_option(boost::asio::ip::v6_only(false), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  return error;
}

error_code open_everywhere(boost::asio::io_context& loop, std::uint16_t port, Acceptors& to) {
  tcp::acceptor both(loop);
  error_code error = open(both, {tcp::v6(), port}, true);
  if (!error) {
    to.push_back(std::move(both));
    return error;
  }
  // A machine without IPv6.
  tcp::acceptor old(loop);
  error = open(old, {tcp::v4(), port}, false);
  if (!error) to.push_back(std::move(old));
  return error;
}

// A name's addresses that this machine does not have now (IPv6, mostly) are left out, unless it has none of them. With
// port 0 all get the port of the first one, or are left out if that is taken.
error_code open_all(boost::asio::io_context& loop, const ListenAddress& address, Acceptors& to) {
  error_code error;
  const auto found = tcp::resolver(loop).resolve(address.host, address.port, tcp::resolver::passive, error);
  if (error) return error;
  std::uint16_t port = found.begin()->endpoint().port();
  const bool any_port = port == 0;
  error_code first_error;
  for (const auto& entry : found) {
    tcp::acceptor acceptor(loop);
    const tcp::endpoint endpoint(entry.endpoint().address(), port);
    error = open(acceptor, endpoint, false);
    const bool is_left_out = error == boost::system::errc::address_not_available ||
                             error == boost::system::errc::address_family_not_supported ||
                             (any_port && !to.empty() && error == boost::asio::error::address_in_use);
    if (error && !is_left_out) return error;
    if (error) {
      first_error = first_error ? first_error : error;
      continue;
    }
    port = acceptor.local_endpoint().port();
    to.push_back(std::move(acceptor));
  }
  return to.empty() ? first_error : error_code();
}

}  // namespace

Result<Acceptors> listen_on(boost::asio::io_context& loop, const std::string& listen) {
  const auto address = parse_listen_address(listen);
  if (!address) return tl::make_unexpected(address.error());
  Acceptors acceptors;
  const error_code error = address->host.empty()
                               ? open_everywhere(loop, static_cast<std::uint16_t>(std::stoul(address->port)), acceptors)
                               : open_all(loop, *address, acceptors);
  if (error) return fail(ErrorCode::system, "cannot listen on " + listen + ": " + error.message());
  return acceptors;
}

}  // namespace zebu::http
