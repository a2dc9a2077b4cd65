#include "webfront/api/events.h"

#include "http/response_writer.h"
#include "webfront/api/job_events.h"
#include "webfront/api/lookup.h"
#include "webfront/converter.h"
#include "webfront/gateway.h"
#include "webfront/guard.h"
#include "webfront/job_feed.h"
#include "webfront/json.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"
#include "zebu/wire/codec.h"

#include <functional>
#include <optional>
#include <utility>

namespace zebu::webfront::api {

using boost::asio::awaitable;

namespace {

constexpr std::string_view kEventStream = "text/event-stream";
// Without the last header some proxies gather a response before they pass it on.
constexpr const char* kHeaders = "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n";
// After so long without an event a comment is sent: proxies close connections on which nothing happens.
constexpr std::chrono::seconds kKeepAlive{15};
constexpr std::string_view kComment = ":\n\n";
// When a browser connects again after the stream has ended without an outcome.
constexpr std::string_view kRetry = "retry: 1000\n\n";

// Why a stream ends before the job has.
http::Response lost_response(const JobId& id, const Error& why) {
  if (why.code != ErrorCode::unknown_job) return error_response(why);
  return problem_response(problems::kJobLost,
                          "the broker no longer knows job " + id.to_string() +
                              ": its time to be kept is over, or it was lost with a broker that was restarted");
}

// What the broker says of the job now. An error of the code unknown_job: it does not have the job.
awaitable<Result<json::JobFacts>> facts_now(const Api& api, JobId id, Interrupt& interrupt) {
  const std::vector<JobId> ids{id};
  const Result<std::string> answer = co_await api.gateway.query_jobs(ids, interrupt);
  if (!answer) co_return tl::make_unexpected(answer.error());
  const std::function<Result<std::optional<json::JobFacts>>()> convert = [&] { return json::job_facts(id, *answer); };
  auto facts = co_await api.converter.run(answer->size(), convert);
  // The client comes again.
  if (!facts) co_return fail(ErrorCode::client_full, "too many large values wait to be converted");
  if (!*facts) co_return tl::make_unexpected(facts->error());
  if (!**facts) co_return fail(ErrorCode::unknown_job, "the broker does not have the job");
  co_return std::move(***facts);
}

}  // namespace

// One reader. Not in the namespace above: GCC counts the frames of coroutines that have it among what other files see.
class EventReader {
 public:
  EventReader(const Api& api, const Request& request, const JobId& id, const json::JobFacts& facts,
              std::optional<EventPlace> last, RequestInterrupt& interrupt)
      : api_(api),
        request_(request),
        id_(id),
        is_private_(facts.is_private),
        interrupt_(interrupt),
        feed_(
            api.gateway, id, {facts.state, facts.attempt},
            [&request](std::size_t bytes) { return request.writer->keep(bytes); }, interrupt),
        events_(id, facts.is_private, std::move(last)) {}

  // Sends all that happens, first what `facts` say.
  awaitable<void> serve(const json::JobFacts& facts);

 private:
  awaitable<void> take(JobFeed::News& news);
  awaitable<std::optional<json::JobFacts>> look();
  awaitable<void> take_outcome(const Result<Outcome>& outcome);
  void take_facts(const json::JobFacts& facts);
  awaitable<bool> send();
  [[nodiscard]] bool may_go_on() const;

  const Api& api_;
  const Request& request_;
  JobId id_;
  bool is_private_;
  RequestInterrupt& interrupt_;
  JobFeed feed_;
  JobEvents events_;
  std::string text_;  // what is to be sent
  bool has_ended_ = false;
};

awaitable<void> EventReader::serve(const json::JobFacts& facts) {
  // Named: see ResponseWriter.
  Response head{200, kEventStream, {}, kHeaders};
  bool is_read = co_await request_.writer->begin(std::move(head), kComment);
  text_ = kRetry;
  take_facts(facts);
  TimePoint keep_alive{};
  while (is_read && !interrupt_.raised()) {
    if (text_.empty() && Clock::now() >= keep_alive) text_ = kComment;
    if (!text_.empty()) {
      is_read = co_await send();
      keep_alive = Clock::now() + kKeepAlive;
    }
    if (has_ended_ || !may_go_on()) co_return;
    if (!is_read) co_return;
    JobFeed::News news = co_await feed_.next(keep_alive);
    co_await take(news);
  }
}

awaitable<bool> EventReader::send() {
  const JobFeed::Busy busy(feed_);
  // It counts as what is sent from here on.
  static_cast<void>(request_.writer->keep(0));
  std::string piece = std::exchange(text_, {});
  const bool is_read = co_await request_.writer->write(std::move(piece));
  co_return is_read;
}

// A token that was taken out, or has expired, is not served for ever.
bool EventReader::may_go_on() const { return !api_.guard.refuse(request_, Right::read).has_value(); }

awaitable<void> EventReader::take(JobFeed::News& news) {
  // The client connects again, and gets the outcome when there is room.
  has_ended_ = news.is_too_large;
  if (news.is_away) events_.add_disconnected(text_, api_.gateway.away());
  std::optional<json::JobFacts> facts;
  if (news.needs_look && !news.outcome) {
    facts = co_await look();
    if (!facts && has_ended_) co_return;
  }
  if (facts && !is_final(facts->state)) {
    take_facts(*facts);
  } else if (news.state && !is_final(news.state->state)) {
    events_.add_state(text_, news.state->state, news.state->attempt);
  }
  if (news.report) events_.add_progress(text_, news.report->attempt, news.report->progress);
  if (facts && is_final(facts->state)) {
    // What came while the broker was asked.
    const TimePoint now{};
    const JobFeed::News last = co_await feed_.next(now);
    if (last.report) events_.add_progress(text_, last.report->attempt, last.report->progress);
    take_facts(*facts);
  } else if (news.outcome) {
    co_await take_outcome(*news.outcome);
  }
}

awaitable<std::optional<json::JobFacts>> EventReader::look() {
  Result<json::JobFacts> facts = co_await facts_now(api_, id_, interrupt_);
  if (facts) {
    feed_.note({facts->state, facts->attempt});
    co_return std::move(*facts);
  }
  switch (facts.error().code) {
    case ErrorCode::unknown_job:
      JobEvents::add_gone(text_, lost_response(id_, facts.error()).body);
      has_ended_ = true;
      break;
    case ErrorCode::timed_out:
      events_.add_disconnected(text_, facts.error());
      feed_.look_again();
      break;
    case ErrorCode::disconnected:
      break;  // it is asked again when it is back
    default:
      // The front end, or the broker, is at its limits: the client connects again and goes on from here.
      has_ended_ = true;
  }
  co_return std::nullopt;
}

void EventReader::take_facts(const json::JobFacts& facts) {
  has_ended_ = is_final(facts.state);
  if (has_ended_) return events_.add_outcome(text_, facts.state, facts.attempt, facts.outcome);
  events_.add_state(text_, facts.state, facts.attempt);
  if (facts.progress && facts.state == JobState::running) events_.add_progress(text_, facts.attempt, *facts.progress);
}

awaitable<void> EventReader::take_outcome(const Result<Outcome>& outcome) {
  has_ended_ = true;
  if (!outcome) {
    JobEvents::add_gone(text_, lost_response(id_, outcome.error()).body);
    co_return;
  }
  const std::function<std::string()> convert = [&] {
    return json::outcome_body(id_, is_private_ ? json::without_secrets(*outcome) : *outcome);
  };
  const auto body = co_await api_.converter.run(wire_size(*outcome), convert);
  // Without the outcome the client connects again, and then gets it.
  if (body) events_.add_outcome(text_, outcome->state, std::nullopt, *body);
}

Answer show_events(const Api& api, const Request& request) {
  const auto id = id_of(request);
  if (!id) co_return bad_id();
  const auto last = parse_event_id(request.last_event_id);
  RequestInterrupt interrupt(request);
  const Result<json::JobFacts> facts = co_await facts_now(api, *id, interrupt);
  if (!facts && facts.error().code == ErrorCode::unknown_job) co_return unknown_job(*id);
  if (!facts) co_return failed_wait(facts.error(), interrupt);
  // The reader has the outcome: this tells a browser not to connect again (WHATWG HTML, 9.2.2).
  if (is_final(facts->state) && last && last->state == facts->state) co_return Response{204, {}, {}, {}};
  if (!api.gateway.is_up()) co_return error_response(api.gateway.away());
  EventReader reader(api, request, *id, *facts, last, interrupt);
  co_await reader.serve(*facts);
  co_return Response{};
}

}  // namespace zebu::webfront::api
