#include "webfront/api/batch.h"

#include "webfront/api/batch_part.h"
#include "webfront/api/batch_wait.h"
#include "webfront/api/lookup.h"
#include "webfront/api/trace.h"
#include "webfront/converter.h"
#include "webfront/gateway.h"
#include "webfront/metrics.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"

#include <algorithm>
#include <functional>
#include <string_view>

namespace zebu::webfront::api {
namespace {

// More of them would make a response that is too large: the client sends the rest in another request.
constexpr std::size_t kMaxLines = 10'000;

Response too_many_lines() {
  return problem_response(problems::kTooLarge, "a batch has at most " + std::to_string(kMaxLines) +
                                                   " lines: send the rest in another request");
}

}  // namespace

Answer submit_batch(const Api& api, const Request& request) {
  if (request.idempotency_key) {
    co_return problem_response(problems::kBadRequest,
                               "Idempotency-Key is for one job: give each line an \"id\", a UUIDv7, instead");
  }
  std::string_view rest = request.body;
  if (static_cast<std::size_t>(std::count(rest.begin(), rest.end(), '\n')) > kMaxLines) co_return too_many_lines();
  ++api.counts.batches;
  if (const PreferredWait wait = wait_of(api, request); wait.time) co_return co_await run_batch(api, request, wait);
  RequestInterrupt interrupt(request);
  const std::string trace = trace_of(request.traceparent);
  std::string body;
  for (std::size_t number = 1; !rest.empty();) {
    const std::string_view text = take_lines(rest);
    const std::size_t first = number;
    const std::function<BatchPart()> convert = [&] { return parse_part(text, first); };
    auto part = co_await api.converter.run(text.size(), convert);
    number += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    if (!part || interrupt.raised()) {
      // Of this line and of all that follow, which are not submitted.
      append_problem(body, first, (part ? stopping_response() : busy()).body);
      break;
    }
    for (Gateway::BatchJob& each : part->jobs) add_trace(each.job.options, trace);
    co_await api.gateway.submit_all(part->jobs, interrupt);
    count_lines(api.counts, *part);
    append_lines(body, *part);
  }
  Response response = ok(http::kNdjson, std::move(body));
  response.headers = traceparent_header(trace);
  co_return response;
}

}  // namespace zebu::webfront::api
