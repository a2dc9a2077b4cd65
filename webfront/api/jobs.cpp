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
using Wait = std::optional<std::chrono::milliseconds>;
using StatusFunction = std::function<Result<std::optional<json::JobStatus>>()>;

// A client that has waited already gets the job's state only if the broker tells it within this time.
constexpr std::chrono::milliseconds kSoon{500};

std::string location(const JobId& id) { return "Location: /v1/jobs/" + id.to_string() + "\r\n"; }

bool is_delayed(const JobOptions& options) {
  return options.delay.count() > 0 || (options.run_at && *options.run_at > Moment::now().wall);
}

// nullopt if the broker does not tell it soon.
awaitable<std::optional<JobState>> state_now(const Api& api, JobId id, Interrupt& interrupt) {
  const std::vector<JobId> ids{id};
  const Result<std::string> answer = co_await api.gateway.query_jobs(ids, interrupt, kSoon);
  if (!answer) co_return std::nullopt;
  const StatusFunction convert = [&] { return json::job_status(*answer); };
  const auto status = co_await api.converter.run(answer->size(), convert);
  if (!status || !*status || !**status) co_return std::nullopt;
  co_return (**status)->state;
}

// The job's resource. If `wait` is given and the job has not ended, waits for it first.
Answer job_resource(const Api& api, JobId id, Wait wait, Interrupt& interrupt) {
  const std::vector<JobId> ids{id};
  for (;;) {
    const Result<std::string> answer = co_await api.gateway.query_jobs(ids, interrupt);
    if (!answer) co_return error_response(answer.error());
    const StatusFunction convert = [&] { return json::job_status(*answer); };
    auto converted = co_await api.converter.run(answer->size(), convert);
    if (!converted) co_return busy();
    Result<std::optional<json::JobStatus>>& status = *converted;
    if (!status) co_return error_response(status.error());
    if (!*status) {
      co_return problem_response(problems::kUnknownJob,
                                 "job " + id.to_string() + " was never submitted, or its time to be kept is over");
    }
    if (!wait || is_final((*status)->state)) co_return ok(http::kJson, std::move((*status)->body));
    const Result<Outcome> outcome = co_await api.gateway.wait(id, *wait, interrupt);
    const bool goes_on =
        outcome || outcome.error().code == ErrorCode::timed_out || outcome.error().code == ErrorCode::unknown_job;
    if (!goes_on) co_return error_response(outcome.error());
    wait.reset();
  }
}

// The 202 for a job that has not ended. `state`: the one that it had when it was accepted.
Answer accepted_response(const Api& api, const Gateway::Submitted& submitted, JobState state, bool has_waited,
                         Interrupt& interrupt) {
  Response response;
  if (submitted.is_attached) {
    // An earlier job may be in any state.
    response = co_await job_resource(api, submitted.id, std::nullopt, interrupt);
    if (response.status != 200) co_return response;
  } else {
    if (has_waited) state = (co_await state_now(api, submitted.id, interrupt)).value_or(state);
    response = ok(http::kJson, json::accepted_body(submitted.id, state));
  }
  response.status = 202;
  co_return response;
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
  const auto submitted = co_await api.gateway.submit(std::move(*job), wait, interrupt);
  if (!submitted) co_return error_response(submitted.error());
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
