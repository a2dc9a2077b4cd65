#include "zebu/wire/assembler.h"

namespace zebu {

Result<std::optional<std::string>> Assembler::add(const message::Part& part) {
  auto found = messages_.find(part.number);
  if (found == messages_.end()) {
    if (part.offset != 0) return std::nullopt;
    if (messages_.size() >= kMost) {
      return fail(ErrorCode::bad_message, "parts of more than " + std::to_string(kMost) + " messages at a time");
    }
    found = messages_.emplace(part.number, Message{{}, part.total}).first;
  }
  Message& message = found->second;
  if (part.offset != message.bytes.size() || part.total != message.total) {
    std::string why = "message " + std::to_string(part.number) + " has " + std::to_string(message.total) +
                      " bytes, and the next part begins at " + std::to_string(message.bytes.size());
    messages_.erase(found);
    return fail(ErrorCode::bad_message, std::move(why));
  }
  if (part.offset == 0) message.bytes.reserve(part.total);
  message.bytes.append(part.bytes);
  if (message.bytes.size() < message.total) return std::nullopt;
  std::string whole = std::move(message.bytes);
  messages_.erase(found);
  return std::optional(std::move(whole));
}

}  // namespace zebu
