#include <zebu/codec.h>

#include <cstdint>
#include <cstdlib>

// Whatever the bytes: the decoder answers with a message or a refusal, and what it decoded encodes to something that
// decodes to the same again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static zebu::Decoder decoder;
  static zebu::Decoder second;
  const auto message = decoder.decode({reinterpret_cast<const char*>(data), size});
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
