#include "webfront/api/jobs.h"

#include "http/field.h"
#include "http/prefer.h"
#include "webfront/converter.h"
#include "webfront/gateway.h"
#include "webfront/json.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"
#include "zebu/wire/codec.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

namespace zebu::webfront::api {
namespace {

using boost::asio::awaitable;
using namespace std::chrono_literals;
using Wait = std::optional<std::chrono::milliseconds>;
using StatusFunction = std::function<Result<std::optional<json::JobStatus>>()>;

// A client that has waited already gets the job's state only if the broker tells it within this time.
constexpr std::chrono::milliseconds kSoon{500};

std::string location(const JobId& id) { return "Location: /v1/jobs/" + id.to_string() + "\r\n"; }

bool is_delayed(const JobOptions& options) {
  return options.delay.count() > 0 || (options.run_at && *options.run_at > Moment::now().wall);
}

// nullopt if the broker does not tell it soon. It is asked even if the request was told to end.
awaitable<std::optional<JobState>> state_now(const Api& api, JobId id) {
  Interrupt never;
  const std::vector<JobId> ids{id};
  const Result<std::string> answer = co_await api.gateway.query_jobs(ids, never, kSoon);
  if (!answer) co_return std::nullopt;
  const StatusFunction convert = [&] { return json::job_status(*answer); };
  const auto status = co_await api.converter.run(answer->size(), convert);
  if (!status || !*status || !**status) co_return std::nullopt;
  co_return (**status)->state;
}

// The job's resource. If `wait` is given and the job has not ended, waits for it first; should the broker be silent
// after that, the resource is that of before.
Answer job_resource(const Api& api, JobId id, Wait wait, RequestInterrupt& interrupt) {
  const std::vector<JobId> ids{id};
  const TimePoint deadline = Clock::now() + wait.value_or(0ms);
  std::chrono::milliseconds limit = wait ? std::max(*wait, kSoon) : Gateway::kQueryLimit;
  std::optional<Response> known;
  for (;;) {
    const Result<std::string> answer = co_await api.gateway.query_jobs(ids, interrupt, limit);
    if (!answer) co_return known ? std::move(*known) : failed_wait(answer.error(), interrupt);
    const StatusFunction convert = [&] { return json::job_status(*answer); };
    auto converted = co_await api.converter.run(answer->size(), convert);
    if (!converted) co_return busy();
    Result<std::optional<json::JobStatus>>& status = *converted;
    if (!status) co_return error_response(status.error());
    if (!*status) {
      co_return problem_response(problems::kUnknownJob,
                                 "job " + id.to_string() + " was never submitted, or its time to be kept is over");
    }
    const bool waits = wait && !known && !is_final((*status)->state);
    known = ok(http::kJson, std::move((*status)->body));
    if (!waits) co_return std::move(*known);
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    static_cast<void>(co_await api.gateway.wait(id, std::max(rest, 0ms), interrupt));
    limit = kSoon;
  }
}

// The 202 for a job that has not ended. `state`: the one that it had when it was accepted.
Answer accepted_response(const Api& api, const Gateway::Submitted& submitted, JobState state, bool has_waited,
                         RequestInterrupt& interrupt) {
  Response response;
  if (submitted.is_attached) {
    // An earlier job may be in any state.
    response = co_await job_resource(api, submitted.id, std::nullopt, interrupt);
    if (response.status != 200) co_return response;
  } else {
    if (has_waited) state = (co_await state_now(api, submitted.id)).value_or(state);
    response = ok(http::kJson, json::accepted_body(submitted.id, state));
  }
  response.status = 202;
  co_return response;
}

// The job was sent, and whether the broker has it is not known. Its id says where to look.
Response unconfirmed_response(const Gateway::Submitted& submitted, const RequestInterrupt& interrupt) {
  const Error& why = *submitted.unconfirmed;
  const std::string id = "\"id\":\"" + submitted.id.to_string() + "\"";
  Response response;
  if (interrupt.is_stopping()) {
    response = stopping_response(id);
  } else if (why.code == ErrorCode::disconnected) {
    response = error_response(why, id);
  } else {
    response = problem_response(problems::kUnconfirmed, why.message, id);
    response.headers = http::retry_after(1s);
  }
  response.headers += location(submitted.id);
  return response;
}

}  // namespace

Answer submit_job(const Api& api, const Request& request) {
  if (!http::is_media_type(request.content_type, http::kJson)) {
    Response refusal = problem_response(problems::kMediaType, "Content-Type must be application/json");
    refusal.headers = "Accept: application/json\r\n";
    co_return refusal;
  }
  const std::function<Result<JobRequest>()> parse = [&] { return json::parse_job(request.body); };
  auto parsed = co_await api.converter.run(request.body.size(), parse);
  if (!parsed) co_return busy();
  Result<JobRequest>& job = *parsed;
  request.drop_body();
  if (!job) co_return problem_response(problems::kBadRequest, job.error().message);
  Wait wait;
  std::string applied;
  if (const auto wanted = http::preferred_wait(request.prefer)) {
    const std::chrono::seconds seconds = std::min(*wanted, api.max_wait);
    wait = seconds;
    applied = "Preference-Applied: wait=" + std::to_string(seconds.count()) + "\r\n";
    job->options.only_served = true;
  }
  const JobState state = is_delayed(job->options) ? JobState::scheduled : JobState::queued;
  RequestInterrupt interrupt(request);
  const auto submitted = co_await api.gateway.submit(Uuid::make(), std::move(*job), wait, interrupt);
  if (!submitted) co_return error_response(submitted.error());
  if (submitted->unconfirmed) co_return unconfirmed_response(*submitted, interrupt);
  Response response;
  if (submitted->outcome) {
    const Outcome& outcome = *submitted->outcome;
    const std::function<std::string()> convert = [&] { return json::outcome_body(submitted->id, outcome); };
    auto body = co_await api.converter.run(wire_size(outcome), convert);
    // The job has ended, and its outcome is at its location.
    response = body ? ok(http::kJson, std::move(*body)) : busy();
  } else {
    response = co_await accepted_response(api, *submitted, state, wait.has_value(), interrupt);
    if (response.status != 202) co_return response;
  }
  response.headers += location(submitted->id) + applied;
  co_return response;
}

Answer show_job(const Api& api, const Request& request) {
  const auto id = Uuid::parse(request.parameter);
  if (!id) co_return problem_response(problems::kBadRequest, "a job's id must be a UUID, as in its Location");
  Wait wait;
  if (const auto text = request.target.parameter("wait")) {
    const auto wanted = http::parse_seconds(*text);
    if (!wanted) co_return problem_response(problems::kBadRequest, "wait must be a whole number of seconds");
    wait = std::min(*wanted, api.max_wait);
  }
  RequestInterrupt interrupt(request);
  co_return co_await job_resource(api, *id, wait, interrupt);
}

}  // namespace zebu::webfront::api
