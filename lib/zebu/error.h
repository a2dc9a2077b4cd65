#pragma once

#include <tl/expected.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace zebu {

// The codes of docs/protocol.md, spelled as on the wire. If you change this list, also change the table there and the
// names in error.cpp; a test compares the three.
enum class ErrorCode {
  bad_message,
  version,
  replaced,
  moved,
  wrong_role,
  no_session,
  too_many_peers,
  bad_job,
  unknown_task,
  no_consumer,
  queue_full,
  store_full,
  too_many_queues,
  too_many_queries,
  too_large,
  unknown_job,
  unknown_queue,
  unknown_consumer,
  bad_request,
  timed_out,
  disconnected,
  client_full,
  job_failed,
  job_cancelled,
  job_expired,
  bad_value,
  closed,
  other,
  system,
};

[[nodiscard]] std::string_view to_string(ErrorCode code);
[[nodiscard]] std::optional<ErrorCode> error_code_from(std::string_view text);

// An expected failure. `message` is for people: what was being done, to what, what came back, and what to do about it.
struct Error {
  ErrorCode code;
  std::string message;
  std::chrono::milliseconds retry_after{
      0};  // for queue_full and the like: how long to wait before the next try; 0: unknown
};

template <class T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::make_unexpected(Error{code, std::move(message), {}});
}

}  // namespace zebu
