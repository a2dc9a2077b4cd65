#pragma once

#include "engine.h"

#include <optional>
#include <string>

namespace zebu::broker {

struct ServerFacts {
  InstanceId instance;
  std::string_view store;
  TimePoint started{};
  std::uint64_t errors = 0;  // messages that were answered with ERROR
};

// The answer to a QUERY, one msgpack value as docs/protocol.md describes it; nothing for an unknown `what` or for more
// than 1,000 ids.
[[nodiscard]] std::optional<std::string> answer(const message::Query& query, const Engine& engine,
                                                const ServerFacts& server, Moment now);

}  // namespace zebu::broker
