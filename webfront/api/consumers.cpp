#include "webfront/api/consumers.h"

#include "webfront/api/command.h"
#include "webfront/api/listing.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"
#include "zebu/job.h"

namespace zebu::webfront::api {
namespace {

Response bad_consumer() {
  return problem_response(problems::kBadRequest, "a consumer's name has 1 to 128 bytes without spaces");
}

}  // namespace

Answer list_consumers(const Api& api, const Request& request) {
  return list_response(api, request, {.what = "consumers"});
}

Answer show_consumers(const Api& api, const Request& request) {
  if (!is_valid_name(request.parameter)) co_return bad_consumer();
  List named{.what = "consumers"};
  named.filter.consumer = request.parameter;
  named.if_empty = problem_response(problems::kUnknownConsumer, "no consumer with this name or instance is connected");
  co_return co_await list_response(api, request, std::move(named));
}

Answer drain_consumers(const Api& api, const Request& request) {
  if (!is_valid_name(request.parameter)) co_return bad_consumer();
  Result<Params> params = params_of(request, {});
  if (!params) co_return problem_response(problems::kBadRequest, params.error().message);
  params->consumer = request.parameter;
  RequestInterrupt interrupt(request);
  co_return co_await command_response(api, "drain", std::move(*params), request, interrupt);
}

}  // namespace zebu::webfront::api
