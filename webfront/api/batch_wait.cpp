#include "webfront/api/batch_wait.h"

#include "http/response_writer.h"
#include "webfront/api/batch_part.h"
#include "webfront/api/trace.h"
#include "webfront/converter.h"
#include "webfront/job_crowd.h"
#include "webfront/json.h"
#include "webfront/metrics.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"
#include "zebu/wire/codec.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace zebu::webfront::api {

using boost::asio::awaitable;

namespace {

// Jobs that are under way at a time, whatever the batch has.
constexpr std::size_t kUnderWay = 1024;
// Lines are sent when there is nothing else to do, or as soon as they have so many bytes.
constexpr std::size_t kEnough = 64U << 10;
// Clients skip an empty line.
constexpr std::string_view kEmptyLine = "\n";

}  // namespace

// Not in the namespace above: GCC counts the frames of coroutines that have it among what other files see.
class WaitedBatch {
 public:
  WaitedBatch(const Api& api, const Request& request, std::chrono::milliseconds wait)
      : api_(api),
        request_(request),
        interrupt_(request),
        deadline_(Clock::now() + wait),
        crowd_(
            api.gateway, [&request](std::size_t bytes) { return request.writer->keep(bytes); }, interrupt_),
        trace_(trace_of(request.traceparent)),
        rest_(request.body) {}

  awaitable<void> run(const std::string& applied);

 private:
  [[nodiscard]] bool may_wait() const { return !interrupt_.raised() && Clock::now() < deadline_; }
  [[nodiscard]] bool has_hung_up() const;
  // otherwise: where it counts if the broker has not accepted it.
  [[nodiscard]] std::uint64_t& count_of(const JobCrowd::Member& job, std::uint64_t& otherwise) const;
  // Takes the next lines. nullopt: they cannot be converted now.
  awaitable<std::optional<BatchPart>> next_part();
  awaitable<void> submit_part();
  awaitable<void> take_ended();
  awaitable<void> add_ended(const JobCrowd::Ended& ended);
  void add_failed(const JobCrowd::Member& job, const Error& why);
  void add_left();
  awaitable<bool> send_rest();
  awaitable<bool> send();

  const Api& api_;
  const Request& request_;
  RequestInterrupt interrupt_;
  TimePoint deadline_;
  JobCrowd crowd_;
  std::string trace_;
  std::string_view rest_;   // what has not been submitted
  std::size_t number_ = 1;  // of its first line
  std::string text_;        // what is to be sent
};

awaitable<void> WaitedBatch::run(const std::string& applied) {
  // Named: see ResponseWriter.
  Response head{200, http::kNdjson, {}, applied + traceparent_header(trace_)};
  bool is_read = co_await request_.writer->begin(std::move(head), kEmptyLine);
  while (is_read && may_wait() && (!rest_.empty() || crowd_.size() > 0)) {
    while (!rest_.empty() && crowd_.size() + kPartLines <= kUnderWay && text_.size() < kEnough && may_wait()) {
      co_await submit_part();
    }
    co_await take_ended();
    is_read = co_await send();
  }
  while (is_read && crowd_.has_ended()) {
    co_await take_ended();
    is_read = co_await send();
  }
  if (is_read && !has_hung_up()) {
    add_left();
    is_read = co_await send_rest();
  }
  static_cast<void>(crowd_.leave(!is_read || has_hung_up()));
}

std::uint64_t& WaitedBatch::count_of(const JobCrowd::Member& job, std::uint64_t& otherwise) const {
  if (job.is_attached) return api_.counts.lines_attached;
  return job.is_accepted ? api_.counts.lines_accepted : otherwise;
}

bool WaitedBatch::has_hung_up() const { return interrupt_.raised() && interrupt_.raised()->code == ErrorCode::closed; }

awaitable<std::optional<BatchPart>> WaitedBatch::next_part() {
  const std::string_view text = take_lines(rest_);
  const std::size_t first = number_;
  const std::function<BatchPart()> convert = [&] { return parse_part(text, first); };
  auto part = co_await api_.converter.run(text.size(), convert);
  number_ += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  if (!part) {
    // It and all that follows are not submitted.
    append_problem(text_, first, busy().body);
    ++api_.counts.lines_refused;
    rest_ = {};
    co_return part;
  }
  for (Gateway::BatchJob& each : part->jobs) {
    each.job.options.only_served = true;
    add_trace(each.job.options, trace_);
  }
  co_return part;
}

awaitable<void> WaitedBatch::submit_part() {
  auto part = co_await next_part();
  if (!part) co_return;
  for (const BatchPart::Line& line : part->lines) {
    if (!line.problem.empty()) {
      append_problem(text_, line.number, line.problem);
      ++api_.counts.lines_refused;
      continue;
    }
    Gateway::BatchJob& each = part->jobs[line.job];
    crowd_.add({.line = line.number, .id = each.id, .state = line.state}, part->has_id[line.job], std::move(each.job));
  }
}

// Waits for one, unless there is something to send; takes also those that have ended with it.
awaitable<void> WaitedBatch::take_ended() {
  TimePoint until = text_.empty() ? deadline_ : TimePoint{};
  while (text_.size() < kEnough) {
    const auto ended = co_await crowd_.next(until);
    if (!ended) break;
    co_await add_ended(*ended);
    until = {};
  }
}

awaitable<void> WaitedBatch::add_ended(const JobCrowd::Ended& ended) {
  const JobCrowd::Member& job = ended.job;
  ++count_of(job, ended.outcome && !*ended.outcome ? api_.counts.lines_refused : api_.counts.lines_accepted);
  if (ended.outcome && !*ended.outcome) {
    add_failed(job, ended.outcome->error());
    co_return;
  }
  std::optional<std::string> body;
  if (ended.outcome) {
    const Outcome& outcome = **ended.outcome;
    const std::function<std::string()> convert = [&] { return json::outcome_body(job.id, outcome); };
    body = co_await api_.converter.run(wire_size(outcome), convert);
  }
  if (!body) {
    const std::string_view why = "there is no room for the outcome now: it is at the job's location";
    append_id(text_, job.line, job.id);
    text_.append(",\"problem\":").append(problem_response(problems::kOverloaded, why).body).append("}\n");
    co_return;
  }
  text_.append("{\"line\":").append(std::to_string(job.line));
  if (job.is_attached) text_ += ",\"attached\":true";
  text_ += ',';
  text_.append(*body, 1).append("\n");
}

void WaitedBatch::add_failed(const JobCrowd::Member& job, const Error& why) {
  const std::string problem = error_response(why).body;
  if (!job.is_accepted) return append_problem(text_, job.line, problem);
  append_id(text_, job.line, job.id);
  text_.append(",\"problem\":").append(problem).append("}\n");
}

// Of the jobs that have not ended within the wait.
void WaitedBatch::add_left() {
  for (const JobCrowd::Member& job : crowd_.leave(false)) {
    ++count_of(job, api_.counts.lines_unconfirmed);
    append_id(text_, job.line, job.id);
    if (!job.is_accepted) {
      const std::string_view why = "the broker did not confirm the job in time";
      text_.append(",\"problem\":").append(problem_response(problems::kUnconfirmed, why).body);
    } else if (job.is_attached) {
      text_ += ",\"attached\":true";
    } else {
      text_.append(",\"state\":\"").append(to_string(job.state)).append("\"");
    }
    text_ += "}\n";
  }
}

// The wait is over: the lines that follow are submitted, and not waited for.
awaitable<bool> WaitedBatch::send_rest() {
  bool is_read = co_await send();
  while (is_read && !rest_.empty()) {
    if (interrupt_.raised()) {
      // Of this line and of all that follow, which are not submitted.
      append_problem(text_, number_, failed_wait(*interrupt_.raised(), interrupt_).body);
      ++api_.counts.lines_refused;
      rest_ = {};
    } else if (auto part = co_await next_part()) {
      co_await api_.gateway.submit_all(part->jobs, interrupt_);
      count_lines(api_.counts, *part);
      append_lines(text_, *part);
    }
    is_read = co_await send();
  }
  co_return is_read;
}

awaitable<bool> WaitedBatch::send() {
  if (rest_.empty()) request_.drop_body();
  if (text_.empty()) co_return true;
  std::string piece = std::exchange(text_, {});
  const bool is_read = co_await request_.writer->write(std::move(piece));
  co_return is_read;
}

Answer run_batch(const Api& api, const Request& request, const PreferredWait& wait) {
  WaitedBatch batch(api, request, *wait.time);
  co_await batch.run(wait.applied);
  co_return Response{};
}

}  // namespace zebu::webfront::api
