#include "webfront/api/listing.h"

#include "webfront/converter.h"
#include "webfront/gateway.h"
#include "webfront/json.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace zebu::webfront::api {
namespace {

constexpr std::uint32_t kMaxPage = 1000;  // the broker's limit of a page

// Adds the request's page to the filter.
std::optional<Response> read_page(const Request& request, List& list) {
  std::vector<std::string_view> known{"after", "limit"};
  known.insert(known.end(), list.parameters.begin(), list.parameters.end());
  if (auto wrong = refuse_parameters(request, known)) return wrong;
  list.filter.after = request.target.parameter("after").value_or("");
  if (const auto text = request.target.parameter("limit")) {
    const auto limit = parse_number(*text, kMaxPage);
    if (!limit || *limit == 0)
      return problem_response(problems::kBadRequest, "limit must be a whole number from 1 to 1000");
    list.filter.limit = *limit;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Response> refuse_parameters(const Request& request, std::span<const std::string_view> known) {
  for (const auto& [name, value] : request.target.parameters()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string words;
    for (const std::string_view each : known) words.append(words.empty() ? "" : ", ").append(each);
    return problem_response(problems::kBadRequest, "unknown parameter '" + name + "': there are " + words);
  }
  return std::nullopt;
}

Answer list_response(const Api& api, const Request& request, List list) {
  if (auto wrong = read_page(request, list)) co_return std::move(*wrong);
  const bool is_first = list.filter.after.empty();
  RequestInterrupt interrupt(request);
  const Result<std::string> answer = co_await api.gateway.query(list.what, std::move(list.filter), interrupt);
  if (!answer) co_return failed_wait(answer.error(), interrupt);
  if (list.if_empty && is_first) {
    const auto first = json::first_of_page(*answer, list.what);
    if (first && !*first) co_return std::move(*list.if_empty);
  }
  const std::function<Result<std::string>()> convert = [&] { return json::object(*answer); };
  auto page = co_await api.converter.run(answer->size(), convert);
  if (!page) co_return busy();
  if (!*page) co_return error_response(page->error());
  co_return ok(http::kJson, std::move(**page));
}

}  // namespace zebu::webfront::api
