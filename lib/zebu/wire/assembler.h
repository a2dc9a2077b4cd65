#pragma once

#include "zebu/error.h"
#include "zebu/wire/message.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace zebu {

// Puts the messages together that one session receives in parts. It keeps no more bytes than the messages say that they
// have; how many they may have is for its owner to decide, before it hands on the first part. One thread.
class Assembler {
 public:
  // As many as a sender sends at a time, and some.
  static constexpr std::size_t kMost = 16;

  // The message, if this was its last part. A part of a message whose beginning was not taken is ignored. Error
  // bad_message: parts are missing or come twice, or too many messages are under way; the message is dropped then.
  [[nodiscard]] Result<std::optional<std::string>> add(const message::Part& part);
  // Forgets a message. Its further parts are ignored.
  void drop(std::uint64_t number) { messages_.erase(number); }

  [[nodiscard]] bool contains(std::uint64_t number) const { return messages_.contains(number); }
  [[nodiscard]] std::size_t size() const { return messages_.size(); }

 private:
  struct Message {
    std::string bytes;
    std::uint64_t total;
  };

  std::map<std::uint64_t, Message> messages_;
};

}  // namespace zebu
