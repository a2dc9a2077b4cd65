#include "broker/server/queries.h"

#include "broker/records/list_place.h"

#include <algorithm>
#include <array>
#include <memory>

namespace zebu::broker {
namespace {

constexpr std::uint32_t kDefaultPage = 100;

// One query while it is answered.
struct QueryCall {
  const Engine& engine;
  const ServerFacts& facts;
  PendingAnswers& pending;
  PendingAnswers::Asker from;
  const message::Params& params;
  Moment now;
  Effects& out;
};

void answer_jobs(PendingAnswers& pending, const PendingAnswers::Asker& asker, const JobsAnswer& answer) {
  // A message that is larger than the peer takes would never arrive.
  if (answer.count() > 1 && answer.bytes() > message::kDefaultMaxMessage) {
    return pending.refuse(asker, {ErrorCode::too_large,
                                  "the answer would have more than " + std::to_string(message::kDefaultMaxMessage) +
                                      " bytes: ask for fewer jobs",
                                  {}});
  }
  pending.answer_as_is(asker, answer.text());
}

void tell_jobs(const QueryCall& call) {
  const auto& ids = call.params.ids;
  const auto answer = std::make_shared<JobsAnswer>(call.engine);
  const bool are_here =
      std::all_of(ids.begin(), ids.end(), [&](const JobId& id) { return call.engine.jobs().find(id) != nullptr; });
  if (are_here) {
    for (const JobId& id : ids) answer->add(id, nullptr);
    return answer_jobs(call.pending, call.from, *answer);
  }
  const auto page = [answer](const Found& found, Moment, Effects&) {
    for (std::size_t i = 0; i < found.jobs.size(); ++i) {
      answer->add(found.asked.ids[i], found.jobs[i] ? &*found.jobs[i] : nullptr);
    }
    return answer->bytes() <= message::kDefaultMaxMessage;
  };
  const auto end = [answer, &pending = call.pending, from = call.from] { answer_jobs(pending, from, *answer); };
  call.pending.find(call.from, {ids, {}, true}, page, end, call.out);
}

std::uint32_t page_of(const message::Params& params) { return params.limit == 0 ? kDefaultPage : params.limit; }

void tell_list(const QueryCall& call) {
  const auto& params = call.params;
  if (!params.after.empty() && !ListPlace::parse(std::string(params.after))) {
    return call.pending.refuse(call.from,
                               {ErrorCode::bad_request, "list takes the next of an earlier page as its after", {}});
  }
  ListFilter filter{params.state, std::string(params.queue), std::string(params.task), std::string(params.after),
                    page_of(params)};
  const auto then = [&engine = call.engine, &pending = call.pending, from = call.from](const Listed& listed, Moment,
                                                                                       Effects&) {
    pending.answer_as_is(from, list_answer(engine, listed.page, listed.asked.filter.state));
  };
  call.pending.list(call.from, std::move(filter), then, call.out);
}

void tell_queues(const QueryCall& call) {
  const std::string_view name = call.params.queue;
  if (!name.empty()) return call.pending.answer_as_is(call.from, queue_answer(call.engine, name, call.now));
  call.pending.answer_as_is(call.from, queues_answer(call.engine, call.params.after, page_of(call.params), call.now));
}

void tell_consumers(const QueryCall& call) {
  std::optional<InstanceId> after;
  if (!call.params.after.empty()) {
    after = Uuid::parse(call.params.after);
    if (!after) {
      return call.pending.refuse(
          call.from, {ErrorCode::bad_request, "consumers takes the next of an earlier page as its after", {}});
    }
  }
  const std::string_view name = call.params.consumer;
  const std::uint32_t limit = page_of(call.params);
  call.pending.answer_as_is(call.from, name.empty()
                                           ? consumers_answer(call.engine, after, limit, call.now)
                                           : named_consumers_answer(call.engine, name, after, limit, call.now));
}

// While the store stands still this answer does not wait for it: it says so, and shows no job.
void tell_broker(const QueryCall& call) {
  std::string answer = broker_answer(call.engine, call.facts, call.now);
  if (call.facts.store_trouble.empty()) return call.pending.answer_as_is(call.from, std::move(answer));
  call.pending.answer(call.from, std::move(answer), {});
}

// If you add one: docs/protocol.md, its table of queries.
constexpr auto kQueries = [] {
  using enum Param;
  return std::to_array<RequestRow<QueryCall>>({
      // name, params that it takes, those that it needs, right; function
      {{"jobs", {ids}, {}, Right::read}, tell_jobs},
      {{"list", {state, queue, task, after, limit}, {}, Right::read}, tell_list},
      {{"queues", {queue, after, limit}, {}, Right::read}, tell_queues},
      {{"consumers", {consumer, after, limit}, {}, Right::read}, tell_consumers},
      {{"broker", {}, {}, Right::read}, tell_broker},
  });
}();

}  // namespace

void Queries::answer(SessionId session, const message::Query& query, Moment now, Effects& out) {
  const auto refuse = [&](const std::string& why) {
    pending_.refuse({session, query.number}, {ErrorCode::bad_request, why, {}});
  };
  if (query.bad) return refuse(*query.bad);
  const QueryCall call{engine_, facts_, pending_, {session, query.number}, query.params, now, out};
  if (const auto why = answer_by<QueryCall>(kQueries, "query", query.what, call)) refuse(*why);
}

void Queries::refuse_unread(SessionId session, std::uint64_t number) {
  pending_.refuse({session, number},
                  {ErrorCode::too_many_queries, "too many answers are sent and not read yet: read them first",
                   std::chrono::seconds(1)});
}

std::vector<Request> Queries::table() { return requests_of<QueryCall>(kQueries); }

}  // namespace zebu::broker
