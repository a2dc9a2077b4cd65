#include "webfront/routes.h"

#include "webfront/api/consumers.h"
#include "webfront/api/description.h"
#include "webfront/api/events.h"
#include "webfront/api/health.h"
#include "webfront/api/job_control.h"
#include "webfront/api/jobs.h"
#include "webfront/api/queues.h"
#include "webfront/api/work.h"
#include "webfront/guard.h"

#include <array>

namespace zebu::webfront {
namespace {

using http::Method;

constexpr auto kRoutes = [] {
  using enum Right;
  constexpr Method kGet = Method::get;
  constexpr Method kPost = Method::post;
  return std::to_array<ApiRoute>({
      // method, path, right, handler, schema, waits, is_vital, is_endless
      {kGet, "/fast", open, api::fast, "", false},
      {kGet, "/fib/{n}", submit, api::fib, ""},
      {kGet, "/slow", submit, api::slow, "Slow"},
      {kPost, "/v1/jobs", submit, api::submit_job, "Submitted"},
      {kGet, "/v1/jobs", read, api::list_jobs, "JobPage"},
      {kPost, "/v1/jobs/retry", operate, api::retry_jobs, "Retried"},
      {kGet, "/v1/jobs/{id}", read, api::show_job, "Job"},
      {kGet, "/v1/jobs/{id}/events", read, api::show_events, "", true, false, true},
      {kPost, "/v1/jobs/{id}/cancel", submit, api::cancel_job, "Job"},
      {kPost, "/v1/jobs/{id}/retry", operate, api::retry_job, "RetriedJob"},
      {kGet, "/v1/queues", read, api::list_queues, "QueuePage"},
      {kGet, "/v1/queues/{name}", read, api::show_queue, "Queue"},
      {kGet, "/v1/queues/{name}/backlog", read, api::show_backlog, "Backlog"},
      {kPost, "/v1/queues/{name}/pause", operate, api::pause_queue, "Paused"},
      {kPost, "/v1/queues/{name}/resume", operate, api::resume_queue, "Resumed"},
      {kPost, "/v1/queues/{name}/purge", operate, api::purge_queue, "Purged"},
      {kGet, "/v1/consumers", read, api::list_consumers, "ConsumerPage"},
      {kGet, "/v1/consumers/{name}", read, api::show_consumers, "ConsumerPage"},
      {kPost, "/v1/consumers/{name}/drain", operate, api::drain_consumers, "Drained"},
      {kGet, "/healthz", open, api::health, "", false, true},
      {kGet, "/readyz", open, api::readiness, "", true, true},
      {kGet, "/openapi.json", open, api::description, "", false},
  });
}();

http::Answer refused(http::Response response) { co_return response; }

}  // namespace

std::span<const ApiRoute> all_routes() { return kRoutes; }

http::Routes make_routes(const api::Api& api, const Guard& guard) {
  std::vector<http::Route> routes;
  for (const ApiRoute& route : kRoutes) {
    const auto handler = [&api, &guard, &route](const http::Request& request) {
      auto refusal = guard.refuse(request, route.right);
      return refusal ? refused(std::move(*refusal)) : route.handler(api, request);
    };
    routes.push_back({route.method, route.path, handler, route.waits, route.is_vital, route.is_endless});
  }
  return {std::move(routes), "/openapi.json and docs/http-api.md list the available paths"};
}

}  // namespace zebu::webfront
