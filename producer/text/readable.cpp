#include "producer/text/readable.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>

namespace zebu::producer {
namespace {

// 3, 3.2, 3.21: at most two digits after the point, without trailing zeros.
std::string short_text(double number) {
  std::string text = fixed_text(number, 2);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string pair_text(long long first, const char* first_unit, long long second, const char* second_unit) {
  std::string text = std::to_string(first) + first_unit;
  if (second > 0) text += ' ' + std::to_string(second) + second_unit;
  return text;
}

}  // namespace

std::string fixed_text(double number, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, number);
  return text.data();
}

std::string count_text(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

std::string duration_text(std::chrono::microseconds duration) {
  const long long us = duration.count();
  const long long seconds = us / 1'000'000;
  if (us < 1'000) return std::to_string(us) + " us";
  if (us < 1'000'000) return short_text(static_cast<double>(us) / 1e3) + " ms";
  if (seconds < 60) return short_text(static_cast<double>(us) / 1e6) + " s";
  if (seconds < 3'600) return pair_text(seconds / 60, " min", seconds % 60, " s");
  if (seconds < 86'400) return pair_text(seconds / 3'600, " h", seconds % 3'600 / 60, " min");
  return pair_text(seconds / 86'400, " d", seconds % 86'400 / 3'600, " h");
}

std::string bytes_text(std::uint64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits{" B", " KiB", " MiB", " GiB", " TiB"};
  double amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (amount >= 1024 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  return short_text(amount) + kUnits[unit];
}

std::string time_text(std::chrono::milliseconds unix_time) {
  const std::time_t seconds = unix_time.count() / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return {text.data(), length};
}

std::string rate_text(double per_second) {
  if (!std::isfinite(per_second)) return "-";
  if (per_second < 100) return fixed_text(per_second, 1) + "/s";
  return count_text(static_cast<std::uint64_t>(per_second)) + "/s";
}

std::string counted(std::uint64_t number, const std::string& what) {
  return count_text(number) + ' ' + what + (number == 1 ? "" : "s");
}

std::string are(std::uint64_t number) { return number == 1 ? "is" : "are"; }

}  // namespace zebu::producer
