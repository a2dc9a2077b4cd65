#include "broker/server/intake.h"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace zebu;
using namespace zebu::broker;

constexpr std::size_t kMost = 300;
constexpr std::size_t kRoom = 500;

}  // namespace

// Peers that send parts in any order, of any length, and go: what has come half stays within its room, a message that
// comes whole has the bytes that were sent, and when all have gone nothing is left.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Intake intake(kMost, kRoom, 20, std::chrono::milliseconds(2));
  TimePoint now{};
  std::uint64_t sent[4][8] = {};  // where the next part of a message that is sent rightly begins
  for (std::size_t i = 0; i + 3 < size; i += 4) {
    const SessionId session = data[i] & 3U;
    const std::uint64_t number = data[i] >> 2 & 7U;
    const std::uint64_t total = std::uint64_t{data[i + 1]} + 100;
    const std::size_t bytes = data[i + 2] % 64U + 1;
    now += std::chrono::milliseconds(data[i + 3] & 15U);
    if (data[i + 3] >> 4 == 15) {
      intake.ended(session);
      for (std::uint64_t& offset : sent[session]) offset = 0;
      continue;
    }
    std::uint64_t& next = sent[session][number];
    const bool is_right = (data[i] & 0x80U) == 0;
    const std::uint64_t offset = is_right ? next : data[i + 3] % 7U * 40U;
    if (offset >= total) {
      next = 0;
      continue;
    }
    const std::string text(std::min<std::size_t>(bytes, total - offset), static_cast<char>('a' + number));
    const auto taken = intake.take(session, {number, offset, total, text}, now);
    next = offset + text.size();
    if (!taken && taken.error().message.empty()) std::abort();
    if (taken && *taken && (*taken)->size() != total) std::abort();
    if (intake.reserved() > kRoom) std::abort();
    intake.tick(now);
    for (const auto& word : intake.take_words()) sent[word.session][word.number & 7U] = 0;
  }
  for (SessionId session = 0; session < 4; ++session) intake.ended(session);
  if (intake.reserved() != 0 || intake.waiting() != 0) std::abort();
  return 0;
}
