#include "consumer/slots/process/frame_stream.h"
#include "consumer/slots/process/protocol.h"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace zebu::consumer;

// What was decoded encodes to a frame that decodes to the same again.
template <class Decode>
void check(const zebu::Bytes& bytes, Decode&& decode) {
  static protocol::Decoder decoder;
  static protocol::Decoder second;
  const auto message = decode(decoder, bytes);
  if (!message) {
    if (message.error().message.empty()) std::abort();
    return;
  }
  std::string once;
  FrameCount first;
  append(once, *message, first);
  FrameStream stream;
  stream.append(once.data(), once.size());
  const auto frame = stream.next();
  if (!frame || !*frame) std::abort();
  const auto again = decode(second, **frame);
  std::string twice;
  FrameCount count;
  if (again) append(twice, *again, count);
  if (once != twice) std::abort();
}

}  // namespace

// Whatever a slot's process, or its consumer, sends: it becomes a message or a refusal.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const zebu::Bytes bytes{reinterpret_cast<const char*>(data), size};
  check(bytes, [](protocol::Decoder& decoder, zebu::Bytes frame) { return decoder.to_child(frame); });
  check(bytes, [](protocol::Decoder& decoder, zebu::Bytes frame) { return decoder.from_child(frame); });
  return 0;
}
