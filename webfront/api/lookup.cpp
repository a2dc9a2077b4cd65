#include "webfront/api/lookup.h"

#include "http/prefer.h"
#include "webfront/converter.h"
#include "webfront/gateway.h"
#include "webfront/json.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"

#include <algorithm>
#include <functional>
#include <vector>

namespace zebu::webfront::api {

using boost::asio::awaitable;

namespace {

using StatusFunction = std::function<Result<std::optional<json::JobStatus>>()>;

Lookup without_job(Response response) { return {std::move(response), std::nullopt}; }

}  // namespace

awaitable<Lookup> look_up(const Api& api, JobId id, std::chrono::milliseconds limit, RequestInterrupt& interrupt) {
  const std::vector<JobId> ids{id};
  const Result<std::string> answer = co_await api.gateway.query_jobs(ids, interrupt, limit);
  if (!answer) co_return without_job(failed_wait(answer.error(), interrupt));
  const StatusFunction convert = [&] { return json::job_status(*answer); };
  auto converted = co_await api.converter.run(answer->size(), convert);
  if (!converted) co_return without_job(busy());
  Result<std::optional<json::JobStatus>>& status = *converted;
  if (!status) co_return without_job(error_response(status.error()));
  if (!*status) co_return without_job(unknown_job(id));
  co_return Lookup{ok(http::kJson, std::move((*status)->body)), (*status)->state};
}

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

awaitable<Result<std::optional<std::string>>> header_of(const Api& api, JobId id, std::string_view name,
                                                        std::chrono::milliseconds limit, RequestInterrupt& interrupt) {
  const std::vector<JobId> ids{id};
  const Result<std::string> answer = co_await api.gateway.query_jobs(ids, interrupt, limit);
  if (!answer) co_return tl::make_unexpected(answer.error());
  co_return json::header_of_job(*answer, name);
}

JobState state_when_accepted(const JobOptions& options) {
  const bool is_delayed = options.delay.count() > 0 || (options.run_at && *options.run_at > Moment::now().wall);
  return is_delayed ? JobState::scheduled : JobState::queued;
}

std::string location(const JobId& id) { return "Location: /v1/jobs/" + id.to_string() + "\r\n"; }

std::optional<JobId> id_of(const Request& request) { return Uuid::parse(request.parameter); }

Response bad_id() { return problem_response(problems::kBadRequest, "a job's id must be a UUID, as in its Location"); }

Response unknown_job(const JobId& id) {
  return problem_response(problems::kUnknownJob,
                          "job " + id.to_string() + " was never submitted, or its time to be kept is over");
}

PreferredWait wait_of(const Api& api, const Request& request) {
  const auto wanted = http::preferred_wait(request.prefer);
  if (!wanted) return {};
  const std::chrono::seconds seconds = std::min(*wanted, api.max_wait);
  return {seconds, "Preference-Applied: wait=" + std::to_string(seconds.count()) + "\r\n"};
}

}  // namespace zebu::webfront::api
