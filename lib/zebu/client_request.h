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

// Requests and callbacks that ClientSession and Client share. In a file of its own, so that client.h includes neither
// the wire nor Asio.
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
  std::string kwargs = {};  // keyword arguments: one msgpack map, as pack_kwargs() makes it; empty: none
};

// The params of a query or a command. docs/protocol.md says which of them each takes.
struct Params {
  std::vector<JobId> ids = {};
  std::string queue = {};
  std::string task = {};
  std::optional<JobState> state = {};
  std::string reason = {};
  std::string consumer = {};
  std::string after = {};
  std::uint32_t limit = 0;

  // For the session: a view that is valid as long as this object.
  [[nodiscard]] message::Params view() const;
};

// What Client::submit does while the client is at its limit of unanswered submissions.
enum class WhenFull {
  fail,  // the job is refused at once, with the error client_full
  wait,  // the call returns when the broker has answered enough of them, or with the error closed
};

struct ClientOptions {
  std::string broker = "tcp://127.0.0.1:5555";
  std::string name = "client";               // shown by the broker; need not be unique
  std::chrono::milliseconds liveness{3000};  // how long the broker may be silent, until it announces its own value
  // The client keeps each submission until the broker has answered it, also while the broker is away. It takes no more
  // of them once it has this many jobs, or this many bytes of encoded jobs; so the last one may pass the bytes.
  std::size_t max_unanswered_jobs = 100'000;
  std::size_t max_unanswered_bytes = 64U << 20;
  WhenFull when_full = WhenFull::fail;  // a ClientSession, which has no thread to wait in, always fails
  // Of Client only: called in the client's thread with the cause when the broker has been away for 5 s, each minute
  // after that, and with an empty text when it is back.
  std::function<void(const std::string& why)> on_waiting = nullptr;
};

// Called with a job's outcome, or with the error that made it unknown.
using OnOutcome = std::function<void(const Result<Outcome>&)>;
// Called with what is new in an attempt's progress.
using OnProgress = std::function<void(std::uint32_t attempt, const Progress&)>;

}  // namespace zebu
