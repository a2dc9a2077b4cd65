#include "webfront/api/jobs.h"

#include "http/field.h"
#include "http/prefer.h"
#include "webfront/api/batch.h"
#include "webfront/api/idempotency.h"
#include "webfront/api/lookup.h"
#include "webfront/api/trace.h"
#include "webfront/converter.h"
#include "webfront/gateway.h"
#include "webfront/json.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"
#include "zebu/wire/codec.h"

#include <algorithm>
#include <functional>
#include <optional>

namespace zebu::webfront::api {
// A request's job, and what its Idempotency-Key says. Not in the namespace below: GCC counts the frames of coroutines
// that have it among what other files see.
struct ParsedRequest {
  JobRequest job;
  JobId id;
  std::string mark;        // of the body; empty without a key
  std::string trace = {};  // a header of the response
};

namespace {

using boost::asio::awaitable;
using namespace std::chrono_literals;
using Wait = std::optional<std::chrono::milliseconds>;

// The job's resource. If `wait` is given and the job has not ended, waits for it first; should the broker be silent
// after that, the resource is that of before.
Answer job_resource(const Api& api, JobId id, Wait wait, RequestInterrupt& interrupt) {
  const TimePoint deadline = Clock::now() + wait.value_or(0ms);
  const std::chrono::milliseconds limit = wait ? std::max(*wait, kSoon) : Gateway::kQueryLimit;
  Lookup job = co_await look_up(api, id, limit, interrupt);
  if (!wait || !job.state || is_final(*job.state)) co_return std::move(job.response);
  const auto rest = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  const Result<Outcome> outcome = co_await api.gateway.wait(id, std::max(rest, 0ms), interrupt);
  Lookup later = co_await look_up(api, id, kSoon, interrupt);
  const bool is_silent = !later.state && !outcome && outcome.error().code != ErrorCode::unknown_job;
  co_return is_silent ? std::move(job.response) : std::move(later.response);
}

// The 202 for a job that has not ended. `state`: the one that it had when it was accepted.
Answer accepted_response(const Api& api, const Gateway::Submitted& submitted, JobState state, bool has_waited,
                         RequestInterrupt& interrupt) {
  Response response;
  if (submitted.is_attached) {
    // An earlier job may be in any state.
    response = co_await job_resource(api, submitted.id, std::nullopt, interrupt);
    if (response.status != 200) co_return response;
  } else {
    if (has_waited) state = (co_await state_now(api, submitted.id)).value_or(state);
    response = ok(http::kJson, json::accepted_body(submitted.id, state));
  }
  response.status = 202;
  co_return response;
}

// The job was sent, and whether the broker has it is not known. Its id says where to look.
Response unconfirmed_response(const JobId& job, const Error& why, const RequestInterrupt& interrupt) {
  const std::string id = "\"id\":\"" + job.to_string() + "\"";
  Response response;
  if (interrupt.is_stopping()) {
    response = stopping_response(id);
  } else if (why.code == ErrorCode::disconnected) {
    response = error_response(why, id);
  } else {
    response = problem_response(problems::kUnconfirmed, why.message, id);
    response.headers = http::retry_after(1s);
  }
  response.headers += location(job);
  return response;
}

Result<ParsedRequest> parse(const Request& request) {
  ParsedRequest parsed;
  if (request.idempotency_key) {
    const auto key = parse_key(*request.idempotency_key);
    if (!key) return tl::make_unexpected(key.error());
    parsed.id = id_of_key(*key);
    parsed.mark = body_mark(request.body);
  } else {
    parsed.id = Uuid::make();
  }
  auto job = json::parse_job(request.body);
  if (!job) return tl::make_unexpected(job.error());
  parsed.job = std::move(*job);
  if (!parsed.mark.empty()) {
    parsed.job.options.headers.emplace_back(kBodyHeader, parsed.mark);
    if (auto wrong = why_bad(parsed.job.options))
      return fail(ErrorCode::bad_value, "options, with the header of Idempotency-Key: " + *wrong);
  }
  add_trace(parsed.job.options, trace_of(request.traceparent));
  parsed.trace = trace_header(parsed.job.options);
  return parsed;
}

Response key_reused(const JobId& id) {
  return problem_response(problems::kKeyReused, "job " + id.to_string() + " was made of another body with this key");
}

// Whether the mark of a key's job is that of this request. A job without one was submitted without a key.
bool is_same(const std::optional<std::string>& earlier, const std::string& mark) {
  return !earlier || earlier->empty() || *earlier == mark;
}

// A request with a key whose job the broker has already. Its repetition might be refused (the queue is full now), so it
// is not submitted again.
awaitable<Gateway::Submitted> join_job(const Api& api, JobId id, Wait wait, RequestInterrupt& interrupt) {
  Gateway::Submitted submitted{id, false, std::nullopt, std::nullopt};
  if (!wait) co_return submitted;
  Result<Outcome> outcome = co_await api.gateway.wait(id, *wait, interrupt);
  if (outcome) submitted.outcome = std::move(*outcome);
  co_return submitted;
}

// Submits the job, or joins the one that its key stands for. A response: why there is none.
awaitable<tl::expected<Gateway::Submitted, Response>> submit_once(const Api& api, ParsedRequest& parsed, Wait wait,
                                                                  RequestInterrupt& interrupt) {
  const JobId id = parsed.id;
  const bool has_key = !parsed.mark.empty();
  const std::chrono::milliseconds limit = wait ? std::max(*wait, kSoon) : Gateway::kQueryLimit;
  if (has_key) {
    const auto earlier = co_await header_of(api, id, kBodyHeader, limit, interrupt);
    if (!earlier) co_return tl::make_unexpected(failed_wait(earlier.error(), interrupt));
    if (!is_same(*earlier, parsed.mark)) co_return tl::make_unexpected(key_reused(id));
    if (*earlier) {
      parsed.trace.clear();  // it is in another one
      co_return co_await join_job(api, id, wait, interrupt);
    }
  }
  const Gateway::Submission how{id, has_key, wait};
  auto submitted = co_await api.gateway.submit(how, std::move(parsed.job), interrupt);
  if (!submitted) co_return tl::make_unexpected(error_response(submitted.error()));
  if (submitted->is_attached) parsed.trace.clear();
  std::optional<Error> unknown = submitted->unconfirmed;
  if (has_key && !unknown && !submitted->is_attached) {
    // Another request may have come between.
    const auto now = co_await header_of(api, id, kBodyHeader, kSoon, interrupt);
    if (now && !is_same(*now, parsed.mark)) co_return tl::make_unexpected(key_reused(id));
    if (!now) unknown = now.error();
  }
  if (unknown) co_return tl::make_unexpected(unconfirmed_response(submitted->id, *unknown, interrupt));
  co_return std::move(*submitted);
}

}  // namespace

Answer submit_job(const Api& api, const Request& request) {
  if (http::is_media_type(request.content_type, http::kNdjson)) co_return co_await submit_batch(api, request);
  if (!http::is_media_type(request.content_type, http::kJson)) {
    Response refusal = problem_response(
        problems::kMediaType, "Content-Type must be application/json, or application/x-ndjson for a job on each line");
    refusal.headers = "Accept: application/json, application/x-ndjson\r\n";
    co_return refusal;
  }
  const std::function<Result<ParsedRequest>()> parse_request = [&] { return parse(request); };
  auto converted = co_await api.converter.run(request.body.size(), parse_request);
  if (!converted) co_return busy();
  Result<ParsedRequest>& parsed = *converted;
  request.drop_body();
  if (!parsed) co_return problem_response(problems::kBadRequest, parsed.error().message);
  const PreferredWait wait = wait_of(api, request);
  if (wait.time) parsed->job.options.only_served = true;
  const JobState state = state_when_accepted(parsed->job.options);
  RequestInterrupt interrupt(request);
  auto submitted = co_await submit_once(api, *parsed, wait.time, interrupt);
  if (!submitted) co_return std::move(submitted.error());
  Response response;
  if (submitted->outcome) {
    const Outcome& outcome = *submitted->outcome;
    const std::function<std::string()> convert = [&] { return json::outcome_body(submitted->id, outcome); };
    auto body = co_await api.converter.run(wire_size(outcome), convert);
    // The job has ended, and its outcome is at its location.
    response = body ? ok(http::kJson, std::move(*body)) : busy();
  } else {
    const bool looks = wait.time.has_value() || !parsed->mark.empty();
    response = co_await accepted_response(api, *submitted, state, looks, interrupt);
    if (response.status != 202) co_return response;
  }
  response.headers += location(submitted->id) + wait.applied + parsed->trace;
  co_return response;
}

Answer show_job(const Api& api, const Request& request) {
  const auto id = id_of(request);
  if (!id) co_return bad_id();
  Wait wait;
  if (const auto text = request.target.parameter("wait")) {
    const auto wanted = http::parse_seconds(*text);
    if (!wanted) co_return problem_response(problems::kBadRequest, "wait must be a whole number of seconds");
    wait = std::min(*wanted, api.max_wait);
  }
  RequestInterrupt interrupt(request);
  co_return co_await job_resource(api, *id, wait, interrupt);
}

}  // namespace zebu::webfront::api
