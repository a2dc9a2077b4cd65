#include "webfront/api/trace.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace zebu::webfront::api {
namespace {

constexpr std::string_view kHeader = "traceparent";
constexpr std::size_t kSize = 55;

bool is_id(std::string_view digits) {
  return digits.find_first_not_of("0123456789abcdef") == std::string_view::npos &&
         digits.find_first_not_of('0') != std::string_view::npos;
}

std::string random_digits(std::size_t count) {
  std::array<unsigned char, 16> bytes;
  if (::getrandom(bytes.data(), count / 2, 0) != static_cast<ssize_t>(count / 2)) {
    throw std::runtime_error("the kernel has no random bytes");
  }
  // Not all 0.
  bytes[0] |= 1U;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  for (std::size_t i = 0; i < count / 2; ++i) {
    digits += kDigits[bytes[i] >> 4U];
    digits += kDigits[bytes[i] & 15U];
  }
  return digits;
}

const Header* trace_in(const std::vector<Header>& headers) {
  const auto found =
      std::find_if(headers.begin(), headers.end(), [](const Header& each) { return each.first == kHeader; });
  return found == headers.end() ? nullptr : &*found;
}

std::size_t bytes_of(const std::vector<Header>& headers) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : headers) bytes += name.size() + value.size();
  return bytes;
}

}  // namespace

bool is_traceparent(std::string_view text) {
  if (text.size() != kSize || !text.starts_with("00-") || text[35] != '-' || text[52] != '-') return false;
  const std::string_view flags = text.substr(53);
  return is_id(text.substr(3, 32)) && is_id(text.substr(36, 16)) &&
         flags.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string trace_of(std::string_view traceparent) {
  if (is_traceparent(traceparent)) return std::string(traceparent);
  // Whether it is recorded is for those to decide who come later.
  return "00-" + random_digits(32) + "-" + random_digits(16) + "-00";
}

void add_trace(JobOptions& options, const std::string& trace) {
  if (trace_in(options.headers) != nullptr || options.headers.size() >= kMaxHeaders) return;
  if (bytes_of(options.headers) + kHeader.size() + trace.size() > kMaxHeaderBytes) return;
  options.headers.emplace_back(kHeader, trace);
}

std::string trace_header(const JobOptions& options) {
  const Header* const trace = trace_in(options.headers);
  // A job may have anything there.
  if (trace == nullptr || !is_traceparent(trace->second)) return {};
  return traceparent_header(trace->second);
}

std::string traceparent_header(std::string_view trace) { return "Traceparent: " + std::string(trace) + "\r\n"; }

}  // namespace zebu::webfront::api
