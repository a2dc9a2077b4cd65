#include "webfront/api/queues.h"

#include "webfront/api/command.h"
#include "webfront/api/listing.h"
#include "webfront/gateway.h"
#include "webfront/json.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"
#include "zebu/job.h"

#include <array>

namespace zebu::webfront::api {

using boost::asio::awaitable;

namespace {

Response bad_queue() {
  return problem_response(problems::kBadRequest, "a queue's name has 1 to 128 bytes without spaces");
}

// The page of the query "queues" that has the path's queue, or has nothing.
awaitable<Result<std::string>> ask_for_queue(const Api& api, const Request& request, Interrupt& interrupt) {
  Params params;
  params.queue = request.parameter;
  co_return co_await api.gateway.query("queues", std::move(params), interrupt);
}

// A command about the path's queue. known: the members that its body may have.
Answer command_queue(const Api& api, std::string_view what, const Request& request,
                     std::span<const std::string_view> known) {
  if (!is_valid_name(request.parameter)) co_return bad_queue();
  Result<Params> params = params_of(request, known);
  if (!params) co_return problem_response(problems::kBadRequest, params.error().message);
  params->queue = request.parameter;
  RequestInterrupt interrupt(request);
  co_return co_await command_response(api, what, std::move(*params), request, interrupt);
}

}  // namespace

Answer list_queues(const Api& api, const Request& request) { return list_response(api, request, {.what = "queues"}); }

Answer show_queue(const Api& api, const Request& request) {
  if (!is_valid_name(request.parameter)) co_return bad_queue();
  RequestInterrupt interrupt(request);
  const Result<std::string> answer = co_await ask_for_queue(api, request, interrupt);
  if (!answer) co_return failed_wait(answer.error(), interrupt);
  auto queue = json::first_of_page(*answer, "queues");
  if (!queue) co_return error_response(queue.error());
  if (!*queue) {
    co_return problem_response(problems::kUnknownQueue, "the broker has no queue " + std::string(request.parameter) +
                                                            ": no job of it, no consumer, and it is not paused");
  }
  co_return ok(http::kJson, std::move(**queue));
}

Answer show_backlog(const Api& api, const Request& request) {
  if (!is_valid_name(request.parameter)) co_return bad_queue();
  RequestInterrupt interrupt(request);
  const Result<std::string> answer = co_await ask_for_queue(api, request, interrupt);
  if (!answer) co_return failed_wait(answer.error(), interrupt);
  const auto counts = json::queue_counts(*answer);
  if (!counts) co_return error_response(counts.error());
  co_return ok(http::kJson, json::backlog_body(*counts));
}

Answer pause_queue(const Api& api, const Request& request) {
  static constexpr std::array<std::string_view, 1> kMembers{"reason"};
  return command_queue(api, "pause", request, kMembers);
}

Answer resume_queue(const Api& api, const Request& request) { return command_queue(api, "resume", request, {}); }

Answer purge_queue(const Api& api, const Request& request) {
  static constexpr std::array<std::string_view, 1> kMembers{"state"};
  return command_queue(api, "purge", request, kMembers);
}

}  // namespace zebu::webfront::api
