#pragma once

#include "zebu/error.h"
#include "zebu/job.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What a client asks for and what it is called with, whether it has a loop of its own (ClientSession) or not (Client).
// Apart from both, so that client.h needs neither the wire nor Asio.
namespace zebu {

namespace message {
struct Params;
}  // namespace message

inline constexpr std::string_view kDefaultQueue = "default";

struct JobRequest {
  std::string task;
  std::string args;  // one msgpack array: pack_args() of convert.h makes it
  std::string queue{kDefaultQueue};
  JobOptions options = {};
};

// What a query or a command is about; docs/protocol.md says which of these each takes.
struct Params {
  std::vector<JobId> ids = {};
  std::string queue = {};
  std::string task = {};
  std::optional<JobState> state = {};
  std::string reason = {};
  std::string consumer = {};
  std::string after = {};
  std::uint32_t limit = 0;

  // A view that lives as long as this; for the session.
  [[nodiscard]] message::Params view() const;
};

struct ClientOptions {
  std::string broker = "tcp://127.0.0.1:5555";
  std::string name = "client";  // shown by the broker; need not be unique
  std::chrono::milliseconds liveness{3000};
};

// How a job ended, or why nobody knows.
using OnOutcome = std::function<void(const Result<Outcome>&)>;
// What an attempt newly says of itself.
using OnProgress = std::function<void(std::uint32_t attempt, const Progress&)>;

}  // namespace zebu
