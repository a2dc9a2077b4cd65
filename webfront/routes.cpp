#include "webfront/routes.h"

#include "webfront/api/consumers.h"
#include "webfront/api/description.h"
#include "webfront/api/health.h"
#include "webfront/api/jobs.h"
#include "webfront/api/queues.h"
#include "webfront/api/work.h"

namespace zebu::webfront {
namespace {

using http::Method;

constexpr ApiRoute kRoutes[] = {
    // method, path, handler, waits, is_vital
    {Method::get, "/fast", api::fast, false},
    {Method::get, "/fib/{n}", api::fib, true},
    {Method::get, "/slow", api::slow, true},
    {Method::post, "/v1/jobs", api::submit_job, true},
    {Method::get, "/v1/jobs/{id}", api::show_job, true},
    {Method::get, "/v1/queues", api::list_queues, true},
    {Method::get, "/v1/consumers", api::list_consumers, true},
    {Method::get, "/healthz", api::health, false, true},
    {Method::get, "/readyz", api::readiness, true, true},
    {Method::get, "/openapi.json", api::description, false},
};

}  // namespace

std::span<const ApiRoute> all_routes() { return kRoutes; }

http::Routes make_routes(const api::Api& api) {
  std::vector<http::Route> routes;
  for (const ApiRoute& route : kRoutes) {
    routes.push_back({route.method, route.path,
                      [&api, handler = route.handler](const http::Request& request) { return handler(api, request); },
                      route.waits, route.is_vital});
  }
  return {std::move(routes), "/openapi.json and docs/http-api.md list the available paths"};
}

}  // namespace zebu::webfront
