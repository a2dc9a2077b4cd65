#include "zebu/program/trace_id.h"

#include <algorithm>

namespace zebu {
namespace {

bool is_lower_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::string_view trace_id_in(std::span<const Header> headers) {
  const auto found =
      std::find_if(headers.begin(), headers.end(), [](const Header& each) { return each.first == "traceparent"; });
  // VERSION-TRACE-PARENT-FLAGS: 2, 32, 16 and 2 digits.
  if (found == headers.end() || found->second.size() < 55) return {};
  const std::string_view value = found->second;
  const std::string_view trace = value.substr(3, 32);
  const bool is_one = value[2] == '-' && value[35] == '-' && is_lower_hex(trace);
  return is_one && trace.find_first_not_of('0') != std::string_view::npos ? trace : std::string_view();
}

}  // namespace zebu
