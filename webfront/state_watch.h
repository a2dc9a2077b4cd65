#pragma once

#include "webfront/json.h"
#include "zebu/client_session.h"
#include "zebu/job.h"

#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace zebu::webfront {

// Finds out that jobs start, or go back to their queue: of that the broker tells clients only when it is asked. A job
// is looked at soon after it changed, and then less and less often; many are asked for together, one question at a
// time.
//
// One thread, the loop's. It outlives the session.
class StateWatch {
 public:
  using Changed = std::function<void(const json::JobGlance&)>;

  static constexpr std::chrono::milliseconds kFirst{250};      // until the first look
  static constexpr std::chrono::milliseconds kLongest{4'000};  // each time is twice as long, up to here
  // Jobs that are asked for together: fewer when the answer would be too large.
  static constexpr std::size_t kTogether = 100;
  // Arguments come along. A large answer is paid for with a pause, so that no more than this comes in a second.
  static constexpr std::size_t kBytesPerSecond = 8U << 20;

  StateWatch(boost::asio::io_context& loop, ClientSession& session) : session_(session), timer_(loop) {}

  // Calls `changed` when the job has another state or attempt than `known`, until leave() with the number returned. It
  // must not call back.
  [[nodiscard]] std::uint64_t join(const JobId& job, const json::JobGlance& known, Changed changed);
  // What is known from elsewhere.
  void note(std::uint64_t number, const json::JobGlance& known);
  void leave(std::uint64_t number);
  // Asks no more.
  void close();

 private:
  struct Watched {
    JobId job;
    json::JobGlance known;
    Changed changed;
    std::chrono::milliseconds interval;
    TimePoint due;
  };

  void schedule(std::uint64_t number, Watched& watched, std::chrono::milliseconds interval);
  void wait();
  void ask();
  void take(const std::vector<std::uint64_t>& asked, const Result<std::string>& answer);
  // The time until the next question.
  std::chrono::milliseconds pay_for(std::size_t jobs, const Result<std::string>& answer);

  ClientSession& session_;
  boost::asio::steady_timer timer_;
  std::map<std::uint64_t, Watched> watched_;
  std::set<std::pair<TimePoint, std::uint64_t>> due_;
  std::uint64_t next_number_ = 1;
  std::size_t together_ = kTogether;
  TimePoint not_before_{};
  std::optional<TimePoint> waits_for_;  // what the timer is set to
  bool is_asking_ = false;
  bool is_closed_ = false;
};

}  // namespace zebu::webfront
