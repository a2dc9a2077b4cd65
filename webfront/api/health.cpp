#include "webfront/api/health.h"

#include "webfront/api/listing.h"
#include "webfront/gateway.h"
#include "webfront/json.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"
#include "zebu/job.h"

#include <array>

namespace zebu::webfront::api {

Answer health(const Api&, const Request&) { co_return ok(http::kText, "ok\n"); }

Answer readiness(const Api& api, const Request& request) {
  static constexpr std::array<std::string_view, 1> kParameters{"queue"};
  if (api.is_stopping) co_return stopping_response();
  if (auto wrong = refuse_parameters(request, kParameters)) co_return std::move(*wrong);
  const std::string queue(request.target.parameter("queue").value_or(""));
  if (!queue.empty() && !is_valid_name(queue))
    co_return problem_response(problems::kBadRequest, "queue must be a name of 1 to 128 bytes without spaces");
  RequestInterrupt interrupt(request);
  // Its cost grows with nothing, unlike that of a list.
  Params params;
  params.queue = queue;
  const Result<std::string> answer =
      co_await api.gateway.query(queue.empty() ? "broker" : "queues", std::move(params), interrupt);
  if (!answer) co_return failed_wait(answer.error(), interrupt);
  const Result<std::uint64_t> consumers =
      queue.empty() ? json::consumer_count(*answer)
                    : json::queue_counts(*answer).map([](const json::QueueCounts& counts) { return counts.consumers; });
  if (!consumers) co_return error_response(consumers.error());
  if (*consumers > 0) co_return ok(http::kText, "ready\n");
  co_return error_response({ErrorCode::no_consumer,
                            queue.empty() ? "the broker has no consumer" : "no consumer serves the queue " + queue,
                            {}});
}

}  // namespace zebu::webfront::api
