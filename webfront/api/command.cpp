#include "webfront/api/command.h"

#include "http/field.h"
#include "webfront/api/lookup.h"
#include "webfront/converter.h"
#include "webfront/gateway.h"
#include "webfront/json.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"

#include <functional>

namespace zebu::webfront::api {
namespace {

constexpr std::chrono::milliseconds kCommandLimit{30'000};

}  // namespace

Answer command_response(const Api& api, std::string_view what, Params params, const Request& request,
                        RequestInterrupt& interrupt) {
  const PreferredWait wait = wait_of(api, request);
  const Result<std::string> answer =
      co_await api.gateway.command(what, std::move(params), wait.time.value_or(kCommandLimit), interrupt);
  if (!answer) {
    const bool is_late = answer.error().code == ErrorCode::timed_out && !interrupt.is_stopping();
    co_return is_late ? problem_response(problems::kUnconfirmed, answer.error().message)
                      : failed_wait(answer.error(), interrupt);
  }
  const std::function<Result<std::string>()> convert = [&] { return json::object(*answer); };
  auto body = co_await api.converter.run(answer->size(), convert);
  if (!body) co_return busy();
  if (!*body) co_return error_response(body->error());
  Response response = ok(http::kJson, std::move(**body));
  response.headers = wait.applied;
  co_return response;
}

Result<Params> params_of(const Request& request, std::span<const std::string_view> known) {
  if (request.body.empty()) return Params();
  if (!http::is_media_type(request.content_type, http::kJson))
    return fail(ErrorCode::bad_value, "the body's Content-Type must be application/json");
  return json::parse_params(request.body, known);
}

}  // namespace zebu::webfront::api
