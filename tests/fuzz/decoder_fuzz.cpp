#include "zebu/wire/codec.h"

#include <cstdint>
#include <cstdlib>

namespace {

template <class Entry, class Decode>
void check_entry(const zebu::Result<Entry>& entry, Decode&& decode) {
  if (!entry) return;
  const std::string once = zebu::encode_entry(*entry);
  const auto again = decode(once);
  if (!again || zebu::encode_entry(*again) != once) std::abort();
}

}  // namespace

// Whatever the bytes: the decoder answers with a message or a refusal, and what it decoded encodes to something that
// decodes to the same again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static zebu::Decoder decoder;
  static zebu::Decoder second;
  const zebu::Bytes bytes{reinterpret_cast<const char*>(data), size};
  static_cast<void>(zebu::refusal_in(bytes));
  check_entry(second.decode_submission(bytes), [](zebu::Bytes entry) { return second.decode_submission(entry); });
  check_entry(second.decode_report(bytes), [](zebu::Bytes entry) { return second.decode_report(entry); });
  const auto message = decoder.decode(bytes);
  if (!message) return message.error().message.empty() ? std::abort(), 0 : 0;
  if (const auto* hello = std::get_if<zebu::message::Hello>(&*message);
      hello && hello->major != zebu::message::kMajor) {
    return 0;  // only its version was read
  }
  const std::string once(zebu::encode(*message).bytes());
  const auto again = second.decode(once);
  if (!again || zebu::encode(*again).bytes() != once) std::abort();
  return 0;
}
