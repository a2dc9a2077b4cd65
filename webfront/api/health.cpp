#include "webfront/api/health.h"

#include "webfront/api/listing.h"
#include "webfront/json.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"

namespace zebu::webfront::api {

Answer health(const Api&, const Request&) { co_return ok(http::kText, "ok\n"); }

Answer readiness(const Api& api, const Request& request) {
  RequestInterrupt interrupt(request);
  const Result<json::Listing> listing = co_await list(api, "consumers", interrupt);
  if (!listing) co_return error_response(listing.error());
  if (listing->count == 0) co_return error_response({ErrorCode::no_consumer, "the broker has no consumer", {}});
  co_return ok(http::kText, "ready\n");
}

}  // namespace zebu::webfront::api
