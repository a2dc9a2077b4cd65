#include "webfront/api/listing.h"

#include "webfront/gateway.h"
#include "webfront/json.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"

namespace zebu::webfront::api {

boost::asio::awaitable<Result<json::Listing>> list(const Api& api, std::string_view what, Interrupt& interrupt) {
  const Result<std::string> answer = co_await api.gateway.query(what, interrupt);
  if (!answer) co_return tl::make_unexpected(answer.error());
  co_return json::listing(what, *answer);
}

Answer list_response(const Api& api, std::string_view what, const Request& request) {
  RequestInterrupt interrupt(request);
  Result<json::Listing> listing = co_await list(api, what, interrupt);
  if (!listing) co_return error_response(listing.error());
  co_return ok(http::kJson, std::move(listing->body));
}

}  // namespace zebu::webfront::api
