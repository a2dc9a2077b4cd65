#include "webfront/api/job_control.h"

#include "webfront/api/command.h"
#include "webfront/api/listing.h"
#include "webfront/api/lookup.h"
#include "webfront/gateway.h"
#include "webfront/json.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"

#include <array>

namespace zebu::webfront::api {

using boost::asio::awaitable;

namespace {

// How long a consumer may take to confirm that a job was cancelled.
constexpr std::chrono::milliseconds kCancelWait{1'000};
constexpr std::chrono::milliseconds kRetryLimit{10'000};

// Why the retry of a job has done nothing.
Answer why_not_retried(const Api& api, JobId id, RequestInterrupt& interrupt) {
  const Lookup now = co_await look_up(api, id, Gateway::kQueryLimit, interrupt);
  if (!now.state) co_return now.response;
  const std::string job = "job " + id.to_string();
  const std::string why = *now.state == JobState::failed
                              ? job + " stays failed: another job holds its unique key now"
                              : job + " is " + std::string(to_string(*now.state)) + ": only failed jobs are retried";
  co_return problem_response(problems::kNotFailed, why);
}

}  // namespace

Answer list_jobs(const Api& api, const Request& request) {
  static constexpr std::array<std::string_view, 3> kFilters{"state", "queue", "task"};
  List jobs{.what = "list"};
  jobs.parameters = kFilters;
  Params& filter = jobs.filter;
  filter.queue = request.target.parameter("queue").value_or("");
  filter.task = request.target.parameter("task").value_or("");
  for (const std::string* name : {&filter.queue, &filter.task}) {
    if (!name->empty() && !is_valid_name(*name))
      co_return problem_response(problems::kBadRequest,
                                 "queue and task must be names of 1 to 128 bytes without spaces");
  }
  if (const auto state = request.target.parameter("state")) {
    filter.state = job_state_from(*state);
    if (!filter.state) {
      co_return problem_response(problems::kBadRequest,
                                 "state must be scheduled, queued, running, succeeded, failed, cancelled or expired");
    }
  }
  co_return co_await list_response(api, request, std::move(jobs));
}

Answer cancel_job(const Api& api, const Request& request) {
  const auto id = id_of(request);
  if (!id) co_return bad_id();
  if (!request.body.empty()) co_return problem_response(problems::kBadRequest, "a cancellation has no body");
  const PreferredWait wait = wait_of(api, request);
  RequestInterrupt interrupt(request);
  const std::chrono::milliseconds limit = wait.time.value_or(kCancelWait);
  Lookup job = co_await look_up(api, *id, std::max(limit, kSoon), interrupt);
  if (job.state && !is_final(*job.state)) {
    co_await api.gateway.cancel(*id, limit, interrupt);
    job = co_await look_up(api, *id, kSoon, interrupt);
  }
  if (job.state && !is_final(*job.state)) job.response.status = 202;
  if (job.state) job.response.headers += wait.applied;
  co_return std::move(job.response);
}

Answer retry_job(const Api& api, const Request& request) {
  const auto id = id_of(request);
  if (!id) co_return bad_id();
  if (!request.body.empty()) co_return problem_response(problems::kBadRequest, "the retry of one job has no body");
  RequestInterrupt interrupt(request);
  Params params;
  params.ids = {*id};
  const Result<std::string> answer = co_await api.gateway.command("retry", std::move(params), kRetryLimit, interrupt);
  if (!answer) co_return failed_wait(answer.error(), interrupt);
  const auto fresh = json::retried_job(*answer);
  if (!fresh) co_return error_response(fresh.error());
  if (!*fresh) co_return co_await why_not_retried(api, *id, interrupt);
  Response response = ok(http::kJson, json::retried_body(**fresh, *id));
  response.status = 202;
  response.headers = location(**fresh);
  co_return response;
}

Answer retry_jobs(const Api& api, const Request& request) {
  static constexpr std::array<std::string_view, 2> kMembers{"queue", "task"};
  Result<Params> params = params_of(request, kMembers);
  if (!params) co_return problem_response(problems::kBadRequest, params.error().message);
  if (params->queue.empty() && params->task.empty()) {
    co_return problem_response(problems::kBadRequest, "say which jobs: {\"queue\": …}, {\"task\": …} or both");
  }
  RequestInterrupt interrupt(request);
  co_return co_await command_response(api, "retry", std::move(*params), request, interrupt);
}

}  // namespace zebu::webfront::api
