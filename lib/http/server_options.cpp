#include "http/server_options.h"

#include <algorithm>

namespace zebu::http {
namespace {

// For everything else: the broker's socket, logs, the loop's own.
constexpr std::size_t kReserved = 64;

}  // namespace

std::size_t allowed_connections(std::size_t wanted, std::size_t descriptors) {
  const std::size_t taken = kReserved + kMaxRefusals;
  return std::min(wanted, descriptors > 2 * taken ? descriptors - taken : descriptors / 2);
}

}  // namespace zebu::http
