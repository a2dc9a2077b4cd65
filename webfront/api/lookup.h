#pragma once

#include "webfront/api/api.h"
#include "zebu/job.h"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <optional>

namespace zebu::webfront {
class RequestInterrupt;
}

namespace zebu::webfront::api {

// A client that has waited already gets the job's state only if the broker tells it within this time.
inline constexpr std::chrono::milliseconds kSoon{500};

// What the broker says about a job now.
struct Lookup {
  Response response;              // 200 and the job's resource, or why there is none
  std::optional<JobState> state;  // set: the response is the resource
};
[[nodiscard]] boost::asio::awaitable<Lookup> look_up(const Api& api, JobId id, std::chrono::milliseconds limit,
                                                     RequestInterrupt& interrupt);

// Only the state; nullopt if the broker does not tell it soon. It is asked even if the request was told to end.
[[nodiscard]] boost::asio::awaitable<std::optional<JobState>> state_now(const Api& api, JobId id);

// The value of one of the job's headers: empty if it has none, nullopt if the broker does not have the job.
[[nodiscard]] boost::asio::awaitable<Result<std::optional<std::string>>> header_of(const Api& api, JobId id,
                                                                                   std::string_view name,
                                                                                   std::chrono::milliseconds limit,
                                                                                   RequestInterrupt& interrupt);

// The state that a job with these options has once the broker has accepted it.
[[nodiscard]] JobState state_when_accepted(const JobOptions& options);

// "Location: /v1/jobs/ID\r\n"
[[nodiscard]] std::string location(const JobId& id);

// The path's id; nullopt if it is not a UUID, for which bad_id() is the answer.
[[nodiscard]] std::optional<JobId> id_of(const Request& request);
[[nodiscard]] Response bad_id();
// The answer when the broker does not have the job.
[[nodiscard]] Response unknown_job(const JobId& id);

// The wait of Prefer, at most as long as --max-wait, and the header that says so.
struct PreferredWait {
  std::optional<std::chrono::milliseconds> time;
  std::string applied;
};
[[nodiscard]] PreferredWait wait_of(const Api& api, const Request& request);

}  // namespace zebu::webfront::api
