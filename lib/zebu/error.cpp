#include "zebu/error.h"

#include <algorithm>
#include <array>

namespace zebu {
namespace {

constexpr std::array<std::string_view, 29> kCodeNames = {
    "bad_message",     "version",          "replaced",     "moved",       "wrong_role",    "no_session",
    "too_many_peers",  "bad_job",          "unknown_task", "no_consumer", "queue_full",    "store_full",
    "too_many_queues", "too_many_queries", "too_large",    "unknown_job", "unknown_queue", "unknown_consumer",
    "bad_request",     "timed_out",        "disconnected", "client_full", "job_failed",    "job_cancelled",
    "job_expired",     "bad_value",        "closed",       "other",       "system"};
static_assert(static_cast<std::size_t>(ErrorCode::system) + 1 == kCodeNames.size());

}  // namespace

std::string_view to_string(ErrorCode code) { return kCodeNames[static_cast<std::size_t>(code)]; }

std::optional<ErrorCode> error_code_from(std::string_view text) {
  const auto found = std::find(kCodeNames.begin(), kCodeNames.end(), text);
  if (found == kCodeNames.end()) return std::nullopt;
  return static_cast<ErrorCode>(found - kCodeNames.begin());
}

}  // namespace zebu
