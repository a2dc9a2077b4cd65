#include "webfront/api/health.h"

#include "webfront/gateway.h"
#include "webfront/json.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"

namespace zebu::webfront::api {

Answer health(const Api&, const Request&) { co_return ok(http::kText, "ok\n"); }

Answer readiness(const Api& api, const Request& request) {
  if (api.is_stopping) co_return stopping_response();
  RequestInterrupt interrupt(request);
  // Its cost grows with nothing, unlike that of a list.
  Params none;
  const Result<std::string> answer = co_await api.gateway.query("broker", std::move(none), interrupt);
  if (!answer) co_return failed_wait(answer.error(), interrupt);
  const Result<std::uint64_t> consumers = json::consumer_count(*answer);
  if (!consumers) co_return error_response(consumers.error());
  if (*consumers == 0) co_return error_response({ErrorCode::no_consumer, "the broker has no consumer", {}});
  co_return ok(http::kText, "ready\n");
}

}  // namespace zebu::webfront::api
