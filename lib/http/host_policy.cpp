#include "http/host_policy.h"

#include "http/field.h"
#include "zebu/asio.h"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <unistd.h>

namespace zebu::http {
namespace {

bool is_address(std::string_view host) {
  boost::system::error_code error;
  boost::asio::ip::make_address(std::string(host), error);
  return !error;
}

// RFC 3986, 3.2.2: a registered name, without what has to be encoded.
bool is_name_char(char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~'; }

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && is_same_name(text.substr(text.size() - end.size()), end);
}

// Whether a browser says that a page of another origin made the request: Sec-Fetch-Site, or Origin of older ones.
bool is_cross_site(const Request& request) {
  if (!request.fetch_site.empty()) return request.fetch_site != "same-origin" && request.fetch_site != "none";
  if (request.origin.empty()) return false;
  const std::size_t scheme = request.origin.find("://");
  return scheme == std::string_view::npos || !is_same_name(request.origin.substr(scheme + 3), request.host);
}

}  // namespace

std::optional<std::string_view> host_in(std::string_view authority) {
  std::string_view host = authority;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos || !is_address(authority.substr(1, end - 1))) return std::nullopt;
    host = authority.substr(1, end - 1);
    authority.remove_prefix(end + 1);
  } else {
    host = authority.substr(0, authority.find(':'));
    if (host.empty() || !std::all_of(host.begin(), host.end(), is_name_char)) return std::nullopt;
    authority.remove_prefix(host.size());
  }
  if (!authority.empty() &&
      (authority.front() != ':' || !std::all_of(authority.begin() + 1, authority.end(), is_digit)))
    return std::nullopt;
  return host;
}

std::string machine_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

HostPolicy::HostPolicy(const std::vector<std::string>& allowed, const std::vector<std::string>& own) : names_(own) {
  for (const std::string& name : allowed) {
    if (name == "*") accepts_all_ = true;
    names_.push_back(name);
  }
}

bool HostPolicy::accepts(std::string_view host) const {
  if (host.ends_with('.')) host.remove_suffix(1);
  return host.find('.') == std::string_view::npos || ends_with(host, ".localhost") || is_address(host) ||
         std::any_of(names_.begin(), names_.end(), [&](const auto& name) { return is_same_name(name, host); });
}

std::optional<Response> HostPolicy::refuse(const Request& request) const {
  // RFC 9112, 3.2.2: the host of an absolute target counts, not the header.
  const std::string_view authority = request.target.authority().empty() ? request.host : request.target.authority();
  if (!authority.empty()) {
    const auto host = host_in(authority);
    if (!host) return problem_response(problems::kBadRequest, "the request's Host is not HOST or HOST:PORT");
    if (!accepts_all_ && !accepts(*host)) {
      return problem_response(problems::kMisdirected,
                              "the host " + std::string(*host) + " is not one of this server's allowed-hosts");
    }
  }
  if (!is_safe(request.method) && is_cross_site(request)) {
    return problem_response(problems::kCrossSite, "a browser made this request for a page of another site");
  }
  return std::nullopt;
}

}  // namespace zebu::http
