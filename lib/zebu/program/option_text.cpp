#include "zebu/program/option_text.h"

#include "zebu/job.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace zebu::cli {

Result<std::chrono::milliseconds> parse_duration(const std::string& text) {
  const auto no_duration =
      fail(ErrorCode::bad_value, "'" + text + "' is not a valid duration: use 250ms, 3s, 2m, 1h or seconds");
  double amount = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  if (error != std::errc() || !std::isfinite(amount) || amount < 0) return no_duration;
  const std::string unit(end, text.data() + text.size());
  double factor = 0;
  if (unit.empty() || unit == "s") factor = 1000;
  if (unit == "ms") factor = 1;
  if (unit == "m") factor = 60'000;
  if (unit == "h") factor = 3'600'000;
  if (factor == 0) return no_duration;
  if (amount * factor > static_cast<double>(kMaxDuration.count())) {
    const auto most = std::chrono::floor<std::chrono::seconds>(kMaxDuration).count();
    return fail(ErrorCode::bad_value, "'" + text + "' is too long: at most " + std::to_string(most) + "s (68 years)");
  }
  return std::chrono::milliseconds(std::llround(amount * factor));
}

std::string duration_text(std::chrono::milliseconds duration) {
  const auto count = duration.count();
  return count % 1000 == 0 ? std::to_string(count / 1000) + "s" : std::to_string(count) + "ms";
}

std::string why_no_endpoint(const std::string& endpoint) {
  constexpr std::string_view kScheme = "tcp://";
  std::string wanted = "'" + endpoint + "' is not a valid endpoint: use tcp://HOST:PORT, with a port up to 65535";
  const std::size_t colon = endpoint.rfind(':');
  if (!endpoint.starts_with(kScheme) || colon <= kScheme.size()) return wanted;
  const std::string port = endpoint.substr(colon + 1);
  if (port == "*") return {};
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return error == std::errc() && end == port.data() + port.size() ? std::string() : wanted;
}

}  // namespace zebu::cli
