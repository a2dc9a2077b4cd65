#include "webfront/api/work.h"

#include "webfront/gateway.h"
#include "webfront/json.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"
#include "zebu/convert.h"

#include <charconv>
#include <optional>

namespace zebu::webfront::api {
namespace {

constexpr std::uint32_t kMaxFib = 93;  // fib(93) is the largest that 64 bits hold
constexpr std::uint32_t kMaxOnce = 86'400;
constexpr std::chrono::seconds kOnce{60};  // for ?once=1

std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t most) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || number > most) return std::nullopt;
  return number;
}

// A job that a request waits for.
JobRequest request_work(std::string_view task, std::string args) {
  JobRequest job;
  job.task = task;
  job.args = std::move(args);
  job.options = {.transient = true, .only_served = true};
  return job;
}

// Makes equal jobs one, and keeps its result for the time that `once` says. The broker's store keeps results, so the
// job becomes durable. It may have other waiters, so a client that hangs up does not cancel it.
bool make_once(JobRequest& job, std::string_view once) {
  const auto seconds = parse_number(once, kMaxOnce);
  if (!seconds) return false;
  if (*seconds == 0) return true;
  job.options.transient = false;
  job.options.unique = unique_key_of(job.task, job.args);
  job.options.unique_for = *seconds == 1 ? kOnce : std::chrono::seconds(*seconds);
  return true;
}

}  // namespace

Answer fast(const Api&, const Request& request) {
  const auto id = request.target.parameter("id");
  co_return ok(http::kText, std::string(id ? *id : std::string_view("Hello!")));
}

Answer fib(const Api& api, const Request& request) {
  const auto n = parse_number(request.parameter, kMaxFib);
  if (!n) co_return problem_response(problems::kBadRequest, "n must be a whole number from 0 to 93");
  JobRequest job = request_work("fib", pack_args(*n));
  if (const auto once = request.target.parameter("once"); once && !make_once(job, *once)) {
    co_return problem_response(problems::kBadRequest, "once must be 1, or a whole number of seconds up to 86400");
  }
  RequestInterrupt interrupt(request);
  const Result<Outcome> outcome = co_await api.gateway.run(std::move(job), interrupt);
  if (!outcome) co_return error_response(outcome.error());
  if (outcome->state != JobState::succeeded) co_return outcome_response(*outcome);
  co_return ok(http::kText, json::plain_text(outcome->result));
}

Answer slow(const Api& api, const Request& request) {
  RequestInterrupt interrupt(request);
  JobRequest job = request_work("factorials", pack_args());
  const Result<Outcome> outcome = co_await api.gateway.run(std::move(job), interrupt);
  if (!outcome) co_return error_response(outcome.error());
  if (outcome->state != JobState::succeeded) co_return outcome_response(*outcome);
  co_return ok(http::kJson, json::slow_body(request.target.parameter("id").value_or(""), outcome->result));
}

}  // namespace zebu::webfront::api
