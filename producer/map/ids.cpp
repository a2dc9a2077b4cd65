#include "producer/map/ids.h"

#include "producer/map/fingerprint.h"

#include <algorithm>

namespace zebu::producer {
namespace {

constexpr int kLowLineBits = 22;  // of the 34; the other 12 go before the variant bits
constexpr int kHashBytes = 5;

}  // namespace

MapIds::MapIds(const Uuid& run, std::string_view task, std::string_view queue)
    : run_(run), prefix_(std::string(run.view()) + std::string(task) + ' ' + std::string(queue) + ' ') {}

JobId MapIds::of(std::uint64_t line, std::string_view args, std::string_view kwargs) const {
  const Fingerprint hash =
      fingerprint_of(prefix_ + std::to_string(line) + ' ' + std::string(args) + std::string(kwargs));
  const std::uint64_t high = line >> kLowLineBits & 0xfff;
  const std::uint64_t low = line & ((std::uint64_t{1} << kLowLineBits) - 1);
  JobId id = run_;
  id.bytes[6] = static_cast<std::uint8_t>(0x70 | high >> 8);
  id.bytes[7] = static_cast<std::uint8_t>(high);
  id.bytes[8] = static_cast<std::uint8_t>(0x80 | low >> 16);
  id.bytes[9] = static_cast<std::uint8_t>(low >> 8);
  id.bytes[10] = static_cast<std::uint8_t>(low);
  std::copy(hash.end() - kHashBytes, hash.end(), id.bytes.end() - kHashBytes);
  id.set_shard(0);
  return id;
}

}  // namespace zebu::producer
