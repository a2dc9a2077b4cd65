#include "webfront/api/listing.h"

#include "webfront/converter.h"
#include "webfront/gateway.h"
#include "webfront/json.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"

#include <functional>
#include <string>

namespace zebu::webfront::api {
namespace {

constexpr std::uint32_t kMaxPage = 1000;  // the broker's limit of a page

Result<Params> page_params(const Request& request) {
  Params params;
  params.after = request.target.parameter("after").value_or("");
  if (const auto text = request.target.parameter("limit")) {
    const auto limit = parse_number(*text, kMaxPage);
    if (!limit || *limit == 0) return fail(ErrorCode::bad_value, "limit must be a whole number from 1 to 1000");
    params.limit = *limit;
  }
  return params;
}

}  // namespace

Answer list_response(const Api& api, std::string_view what, const Request& request) {
  Result<Params> params = page_params(request);
  if (!params) co_return problem_response(problems::kBadRequest, params.error().message);
  RequestInterrupt interrupt(request);
  const Result<std::string> answer = co_await api.gateway.query(what, std::move(*params), interrupt);
  if (!answer) co_return failed_wait(answer.error(), interrupt);
  const std::function<Result<std::string>()> convert = [&] { return json::listing(*answer); };
  auto page = co_await api.converter.run(answer->size(), convert);
  if (!page) co_return busy();
  if (!*page) co_return error_response(page->error());
  co_return ok(http::kJson, std::move(**page));
}

}  // namespace zebu::webfront::api
