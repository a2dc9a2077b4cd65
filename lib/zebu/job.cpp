#include <zebu/job.h>

#include <algorithm>
#include <array>

namespace zebu {
namespace {

constexpr std::array<std::string_view, kJobStates> kNames = {"scheduled", "queued",    "running", "succeeded",
                                                             "failed",    "cancelled", "expired"};

// Row: from; column: to; in the order of JobState. Compared with docs/job-lifecycle.md by a test.
constexpr bool kMayMove[kJobStates][kJobStates] = {
    //                 sched. queued running succ.  failed canc.  expired
    /* scheduled */ {false, true, false, false, false, true, true},
    /* queued    */ {false, false, true, false, false, true, true},
    /* running   */ {true, true, false, true, true, true, false},
    /* succeeded */ {false, false, false, false, false, false, false},
    /* failed    */ {false, false, false, false, false, false, false},
    /* cancelled */ {false, false, false, false, false, false, false},
    /* expired   */ {false, false, false, false, false, false, false},
};

// Whether the bytes at text are one well-formed UTF-8 sequence (Unicode 15, table 3-7); 0 or its length.
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return at(i) >= 0x80 && at(i) <= 0xbf; };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (lead == 0xe0 && at(1) < 0xa0) return 0;
    if (lead == 0xed && at(1) > 0x9f) return 0;
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (lead == 0xf0 && at(1) < 0x90) return 0;
    if (lead == 0xf4 && at(1) > 0x8f) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string_view to_string(JobState state) { return kNames[static_cast<std::size_t>(state)]; }

std::optional<JobState> job_state_from(std::string_view text) {
  const auto found = std::find(kNames.begin(), kNames.end(), text);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<JobState>(found - kNames.begin());
}

bool is_final(JobState state) { return state >= JobState::succeeded; }

bool may_move(JobState from, JobState to) {
  return kMayMove[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
}

bool is_valid_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxName) return false;
  while (!name.empty()) {
    const auto lead = static_cast<unsigned char>(name.front());
    if (lead <= 0x20 || lead == 0x7f) return false;
    const std::size_t length = utf8_length(name);
    if (length == 0) return false;
    name.remove_prefix(length);
  }
  return true;
}

}  // namespace zebu
