#include <utility>
// <utility> first: Boost 1.74's Asio uses std::exchange without including it.
#include "http/prefer.h"
#include "webfront/json.h"
#include "webfront/openapi.h"
#include "webfront/problem.h"
#include "webfront/routes.h"
#include "zebu/convert.h"

#include <charconv>
#include <strings.h>

namespace zebu::webfront {
namespace {

constexpr std::uint32_t kMaxFib = 93;  // fib(93) is the largest that 64 bits hold
constexpr std::uint32_t kMaxOnce = 86'400;
constexpr std::chrono::seconds kOnce{60};        // for ?once=1
constexpr std::chrono::milliseconds kSoon{500};  // who has waited already gets what is known after that

// A job for somebody who waits for it.
JobRequest request_work(std::string_view task, std::string args) {
  JobRequest job;
  job.task = task;
  job.args = std::move(args);
  job.options = {.transient = true, .only_served = true};
  return job;
}

std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t most) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || number > most) return std::nullopt;
  return number;
}

// Equal jobs run once from now on, and the result is kept for the time that `once` says. The broker's store keeps it,
// so the job is durable; it is not only its submitter's, who therefore does not take it along when he goes.
bool make_once(JobRequest& job, std::string_view once) {
  const auto seconds = parse_number(once, kMaxOnce);
  if (!seconds) return false;
  if (*seconds == 0) return true;
  job.options.transient = false;
  job.options.unique = unique_key_of(job.task, job.args);
  job.options.unique_for = *seconds == 1 ? kOnce : std::chrono::seconds(*seconds);
  return true;
}

bool is_json(std::string_view content_type) {
  const std::string_view kind = content_type.substr(0, content_type.find_first_of("; \t"));
  return kind.size() == kJson.size() && strncasecmp(kind.data(), kJson.data(), kJson.size()) == 0;
}

std::string location(const JobId& id) { return "Location: /v1/jobs/" + id.to_string() + "\r\n"; }

}  // namespace

Routes::Routes(Gateway& gateway, const Options& options)
    : gateway_(gateway), max_wait_(std::chrono::duration_cast<std::chrono::seconds>(options.max_wait)) {
  add(Method::get, "/fast", &Routes::fast, false);
  add(Method::get, "/fib/{n}", &Routes::fib, true);
  add(Method::get, "/slow", &Routes::slow, true);
  add(Method::post, "/v1/jobs", &Routes::submit_job, true);
  add(Method::get, "/v1/jobs/{id}", &Routes::show_job, true);
  add(Method::get, "/v1/queues", &Routes::list_queues, true);
  add(Method::get, "/v1/consumers", &Routes::list_consumers, true);
  add(Method::get, "/healthz", &Routes::health, false);
  add(Method::get, "/readyz", &Routes::readiness, true);
  add(Method::get, "/openapi.json", &Routes::description, false);
}

void Routes::add(Method method, std::string_view path, Answer (Routes::*handler)(const Request&), bool waits) {
  router_.add(method, path);
  entries_.push_back({handler, waits});
}

Routes::Choice Routes::choose(Request& request) const {
  Choice choice;
  const Router::Match match = router_.find(request.method, request.target);
  if (match.route) {
    request.parameter = match.parameter;
    choice.handler = entries_[*match.route].handler;
    choice.waits = entries_[*match.route].waits;
  } else if (match.allow.empty()) {
    choice.instead =
        problem_response(problems::kNotFound, "docs/http-api.md and /openapi.json name the paths there are");
  } else {
    choice.instead.status = 204;
    if (request.method != Method::options) {
      choice.instead = problem_response(problems::kMethodNotAllowed, "this path has " + match.allow);
    }
    choice.instead.headers = "Allow: " + match.allow + "\r\n";
  }
  return choice;
}

Routes::Answer Routes::fast(const Request& request) {
  Response response;
  const auto id = request.target.parameter("id");
  response.body = id ? *id : std::string_view("Hello!");
  co_return response;
}

Routes::Answer Routes::fib(const Request& request) {
  const auto n = parse_number(request.parameter, kMaxFib);
  if (!n) co_return problem_response(problems::kBadRequest, "n must be a whole number from 0 to 93");
  JobRequest job = request_work("fib", pack_args(*n));
  if (const auto once = request.target.parameter("once"); once && !make_once(job, *once)) {
    co_return problem_response(problems::kBadRequest, "once must be 1, or a whole number of seconds up to 86400");
  }
  const Result<Outcome> outcome = co_await gateway_.run(std::move(job), *request.interrupt);
  if (!outcome) co_return error_response(outcome.error());
  if (outcome->state != JobState::succeeded) co_return outcome_response(*outcome);
  Response response;
  response.body = json::plain_text(outcome->result);
  co_return response;
}

Routes::Answer Routes::slow(const Request& request) {
  const std::string id(request.target.parameter("id").value_or(""));
  JobRequest job = request_work("factorials", pack_args());
  const Result<Outcome> outcome = co_await gateway_.run(std::move(job), *request.interrupt);
  if (!outcome) co_return error_response(outcome.error());
  if (outcome->state != JobState::succeeded) co_return outcome_response(*outcome);
  Response response;
  response.content_type = kJson;
  response.body = json::slow_body(id, outcome->result);
  co_return response;
}

std::chrono::seconds Routes::cut(std::chrono::seconds wanted) const { return std::min(wanted, max_wait_); }

Routes::Answer Routes::submit_job(const Request& request) {
  if (!is_json(request.content_type)) {
    Response refusal = problem_response(problems::kMediaType, "Content-Type must be application/json");
    refusal.headers = "Accept: application/json\r\n";
    co_return refusal;
  }
  Result<JobRequest> job = json::parse_job(request.body);
  if (!job) co_return problem_response(problems::kBadRequest, job.error().message);
  std::optional<std::chrono::milliseconds> wait;
  std::string applied;
  if (const auto wanted = preferred_wait(request.prefer)) {
    wait = cut(*wanted);
    applied = "Preference-Applied: wait=" + std::to_string(cut(*wanted).count()) + "\r\n";
    job->options.only_served = true;
  }
  const JobOptions& options = job->options;
  const bool is_delayed = options.delay.count() > 0 || (options.run_at && *options.run_at > Moment::now().wall);
  const auto submitted = co_await gateway_.submit(std::move(*job), wait, *request.interrupt);
  if (!submitted) co_return error_response(submitted.error());
  Response response;
  response.content_type = kJson;
  if (submitted->outcome) {
    response.body = json::outcome_body(submitted->id, *submitted->outcome);
  } else {
    response.status = 202;
    JobState state = is_delayed ? JobState::scheduled : JobState::queued;
    if (wait && !submitted->is_attached)
      state = (co_await state_now(submitted->id, *request.interrupt)).value_or(state);
    response.body = json::accepted_body(submitted->id, state);
  }
  // Of another one's job it is not known how far it is.
  if (submitted->is_attached && !submitted->outcome) {
    response = co_await job_resource(submitted->id, std::nullopt, *request.interrupt);
    if (response.status != 200) co_return response;
    response.status = 202;
  }
  response.headers = location(submitted->id) + applied;
  co_return response;
}

boost::asio::awaitable<std::optional<JobState>> Routes::state_now(JobId id, Interrupt& interrupt) {
  const std::vector<JobId> ids{id};
  const Result<std::string> answer = co_await gateway_.query_jobs(ids, interrupt, kSoon);
  if (!answer) co_return std::nullopt;
  const Result<std::optional<json::JobStatus>> status = json::job_status(*answer);
  if (!status || !*status) co_return std::nullopt;
  co_return (*status)->state;
}

Routes::Answer Routes::show_job(const Request& request) {
  const auto id = Uuid::parse(request.parameter);
  if (!id) co_return problem_response(problems::kBadRequest, "a job's id is a UUID, as in its Location");
  std::optional<std::chrono::milliseconds> wait;
  if (const auto text = request.target.parameter("wait")) {
    const auto wanted = parse_seconds(*text);
    if (!wanted) co_return problem_response(problems::kBadRequest, "wait must be a whole number of seconds");
    wait = cut(*wanted);
  }
  co_return co_await job_resource(*id, wait, *request.interrupt);
}

Routes::Answer Routes::job_resource(JobId id, std::optional<std::chrono::milliseconds> wait, Interrupt& interrupt) {
  const std::vector<JobId> ids{id};
  for (;;) {
    const Result<std::string> answer = co_await gateway_.query_jobs(ids, interrupt);
    if (!answer) co_return error_response(answer.error());
    Result<std::optional<json::JobStatus>> status = json::job_status(*answer);
    if (!status) co_return problem_response(problems::kInternal, status.error().message);
    if (!*status) {
      co_return problem_response(problems::kUnknownJob, "job " + id.to_string() + " never came here or was forgotten");
    }
    if (!wait || is_final((*status)->state)) {
      Response response;
      response.content_type = kJson;
      response.body = std::move((*status)->body);
      co_return response;
    }
    const Result<Outcome> outcome = co_await gateway_.wait(id, *wait, interrupt);
    const bool goes_on =
        outcome || outcome.error().code == ErrorCode::timed_out || outcome.error().code == ErrorCode::unknown_job;
    if (!goes_on) co_return error_response(outcome.error());
    wait.reset();
  }
}

Routes::Answer Routes::list(std::string what, Interrupt& interrupt) {
  const Result<std::string> answer = co_await gateway_.query(what, interrupt);
  if (!answer) co_return error_response(answer.error());
  Result<json::Listing> listing = json::listing(what, *answer);
  if (!listing) co_return problem_response(problems::kInternal, listing.error().message);
  Response response;
  response.content_type = kJson;
  response.body = std::move(listing->body);
  co_return response;
}

Routes::Answer Routes::list_queues(const Request& request) { return list("queues", *request.interrupt); }

Routes::Answer Routes::list_consumers(const Request& request) { return list("consumers", *request.interrupt); }

Routes::Answer Routes::health(const Request&) {
  Response response;
  response.body = "ok\n";
  co_return response;
}

Routes::Answer Routes::readiness(const Request& request) {
  const Result<std::string> answer = co_await gateway_.query("consumers", *request.interrupt);
  if (!answer) co_return error_response(answer.error());
  const Result<json::Listing> listing = json::listing("consumers", *answer);
  if (!listing) co_return problem_response(problems::kInternal, listing.error().message);
  if (listing->count == 0) co_return error_response({ErrorCode::no_consumer, "the broker has no consumer", {}});
  Response response;
  response.body = "ready\n";
  co_return response;
}

Routes::Answer Routes::description(const Request&) {
  Response response;
  response.content_type = kJson;
  response.body = kOpenApi;
  co_return response;
}

}  // namespace zebu::webfront
