#include "zebu/program/option_text.h"

#include "zebu/job.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <numeric>

namespace zebu::cli {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

// In microseconds, the largest first. `m` stands behind `ms`, because the first that fits is taken.
constexpr std::array<Unit, 7> kTimeUnits = {
    {{"w", 604'800e6}, {"d", 86'400e6}, {"h", 3'600e6}, {"m", 60e6}, {"s", 1e6}, {"ms", 1e3}, {"us", 1}}};

constexpr std::array<Unit, 13> kSizeUnits = {{{"tib", 1ULL << 40U},
                                              {"gib", 1U << 30U},
                                              {"mib", 1U << 20U},
                                              {"kib", 1U << 10U},
                                              {"tb", 1e12},
                                              {"gb", 1e9},
                                              {"mb", 1e6},
                                              {"kb", 1e3},
                                              {"t", 1ULL << 40U},
                                              {"g", 1U << 30U},
                                              {"m", 1U << 20U},
                                              {"k", 1U << 10U},
                                              {"b", 1}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes a number without a sign or an exponent from the front of `text`.
std::optional<double> take_amount(std::string_view& text) {
  if (text.empty() || !(is_digit(text.front()) || text.front() == '.')) return std::nullopt;
  double amount = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(amount)) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return amount;
}

std::string_view take_letters(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && std::isalpha(static_cast<unsigned char>(text[end])) != 0) ++end;
  const std::string_view letters = text.substr(0, end);
  text.remove_prefix(end);
  return letters;
}

// The sum of all parts in microseconds; nullopt if the text has another form.
std::optional<double> sum_of_parts(std::string_view text) {
  const bool has_unit = !text.empty() && !is_digit(text.back()) && text.back() != '.';
  if (!has_unit) {
    const auto seconds = take_amount(text);
    return seconds && text.empty() ? std::optional(*seconds * 1e6) : std::nullopt;
  }
  double sum = 0;
  std::size_t next = 0;  // units must become smaller
  while (!text.empty()) {
    const auto amount = take_amount(text);
    const std::string_view name = take_letters(text);
    while (next < kTimeUnits.size() && kTimeUnits[next].name != name) ++next;
    if (!amount || next == kTimeUnits.size()) return std::nullopt;
    sum += *amount * kTimeUnits[next++].factor;
  }
  return sum;
}

// Edits that lead from one word to the other: a letter more, less, another one, or two exchanged.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> now(b.size() + 1);
  std::iota(last.begin(), last.end(), 0U);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before = std::exchange(last, now);
  }
  return last[b.size()];
}

}  // namespace

Result<std::chrono::microseconds> parse_microseconds(const std::string& text) {
  const auto sum = sum_of_parts(text);
  if (!sum) {
    return fail(ErrorCode::bad_value,
                "'" + text + "' is not a valid duration: use 250ms, 3s, 1h30m, 7d, or a number of seconds");
  }
  if (*sum > static_cast<double>(kMaxDuration.count()) * 1e3) {
    const auto most = std::chrono::floor<std::chrono::seconds>(kMaxDuration).count();
    return fail(ErrorCode::bad_value, "'" + text + "' is too long: at most " + std::to_string(most) + "s (68 years)");
  }
  return std::chrono::microseconds(std::llround(*sum));
}

Result<std::chrono::milliseconds> parse_duration(const std::string& text) {
  return parse_microseconds(text).map(
      [](std::chrono::microseconds all) { return std::chrono::round<std::chrono::milliseconds>(all); });
}

std::string duration_text(std::chrono::microseconds duration) {
  auto left = duration.count();
  if (left > 0 && left < 1'000'000)
    return left % 1000 == 0 ? std::to_string(left / 1000) + "ms" : std::to_string(left) + "us";
  std::string text;
  for (const auto& [name, seconds] : {std::pair{"d", 86'400LL}, {"h", 3'600LL}, {"m", 60LL}}) {
    if (const auto whole = left / (seconds * 1'000'000); whole > 0) text += std::to_string(whole) + name;
    left %= seconds * 1'000'000;
  }
  if (left > 0 || text.empty()) text += real_text(static_cast<double>(left) / 1e6) + "s";
  return text;
}

Result<std::uint64_t> parse_size(const std::string& text) {
  std::string small(text);
  for (char& c : small) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  std::string_view rest(small);
  const auto amount = take_amount(rest);
  double factor = rest.empty() ? 1 : 0;
  for (const Unit& unit : kSizeUnits) {
    if (unit.name == rest) factor = unit.factor;
  }
  if (!amount || factor == 0) {
    return fail(ErrorCode::bad_value,
                "'" + text + "' is not a valid size: use 64KiB, 512MiB, 16GiB, or a number of bytes");
  }
  constexpr double kMost = 1ULL << 62U;
  if (*amount * factor > kMost) return fail(ErrorCode::bad_value, "'" + text + "' is too large");
  return static_cast<std::uint64_t>(std::llround(*amount * factor));
}

std::string size_text(std::uint64_t bytes) {
  for (const auto& [name, shift] : {std::pair{"TiB", 40U}, {"GiB", 30U}, {"MiB", 20U}, {"KiB", 10U}}) {
    if (bytes > 0 && bytes % (1ULL << shift) == 0) return std::to_string(bytes >> shift) + name;
  }
  return std::to_string(bytes);
}

Result<std::uint64_t> parse_number(const std::string& text, std::uint64_t min, std::uint64_t max) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= min && number <= max) return number;
  return fail(ErrorCode::bad_value,
              "'" + text + "' is not a whole number from " + std::to_string(min) + " to " + std::to_string(max));
}

Result<double> parse_real(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && std::isfinite(number)) return number;
  return fail(ErrorCode::bad_value, "'" + text + "' is not a number");
}

std::string real_text(double number) {
  std::array<char, 64> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() ? std::string(text.data(), end) : std::to_string(number);
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

std::optional<std::string> nearest(std::string_view misspelt, const std::vector<std::string>& words) {
  constexpr std::size_t kLongest = 64;  // of our own words; no other is near
  if (misspelt.size() > kLongest) return std::nullopt;
  std::size_t fewest = std::max<std::size_t>(1, misspelt.size() / 3) + 1;
  std::optional<std::string> found;
  for (const std::string& word : words) {
    // The beginning of a word is near it, however much is missing.
    const bool is_beginning = misspelt.size() >= 3 && word.starts_with(misspelt);
    const std::size_t edits = is_beginning ? 1 : distance(misspelt, word);
    if (edits < fewest) {
      fewest = edits;
      found = word;
    }
  }
  return found;
}

std::string did_you_mean(std::string_view misspelt, const std::vector<std::string>& words) {
  const auto near = nearest(misspelt, words);
  return near ? ": did you mean '" + *near + "'?" : std::string();
}

}  // namespace zebu::cli
