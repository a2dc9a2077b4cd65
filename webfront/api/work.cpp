#include "webfront/api/work.h"

#include "webfront/converter.h"
#include "webfront/gateway.h"
#include "webfront/json.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"
#include "zebu/convert.h"
#include "zebu/wire/codec.h"

#include <functional>
#include <optional>

namespace zebu::webfront::api {
namespace {

constexpr std::uint32_t kMaxFib = 93;  // fib(93) is the largest that 64 bits hold
constexpr std::uint32_t kMaxOnce = 86'400;
constexpr std::chrono::seconds kOnce{60};  // for ?once=1

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

using Succeeded = std::function<Response(const Outcome&)>;

// Runs the job. `succeeded` makes the response of its outcome if it did, and lives as long as the caller's coroutine.
Answer respond(const Api& api, JobRequest job, RequestInterrupt& interrupt, const Succeeded& succeeded) {
  const Result<Outcome> outcome = co_await api.gateway.run(std::move(job), interrupt);
  if (!outcome) co_return failed_wait(outcome.error(), interrupt);
  const std::function<Response()> convert = [&] {
    return outcome->state == JobState::succeeded ? succeeded(*outcome) : outcome_response(*outcome);
  };
  std::optional<Response> response = co_await api.converter.run(wire_size(*outcome), convert);
  co_return response ? std::move(*response) : busy();
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
  const Succeeded as_text = [](const Outcome& outcome) { return ok(http::kText, json::plain_text(outcome.result)); };
  co_return co_await respond(api, std::move(job), interrupt, as_text);
}

Answer slow(const Api& api, const Request& request) {
  RequestInterrupt interrupt(request);
  JobRequest job = request_work("factorials", pack_args());
  const Succeeded with_id = [&](const Outcome& outcome) {
    return ok(http::kJson, json::slow_body(request.target.parameter("id").value_or(""), outcome.result));
  };
  co_return co_await respond(api, std::move(job), interrupt, with_id);
}

}  // namespace zebu::webfront::api
