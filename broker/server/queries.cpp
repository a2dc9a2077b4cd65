#include "broker/server/queries.h"

#include "broker/records/list_place.h"
#include "zebu/wire/codec.h"

#include <algorithm>
#include <array>

namespace zebu::broker {
namespace {

constexpr std::uint32_t kDefaultPage = 100;

using StoredJobs = std::vector<std::optional<StoredJob>>;

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

// About what a job's entry has beside its arguments and its outcome: output, headers, attempts.
constexpr std::size_t kEntry = 2048;

std::size_t size_of(const JobSpec& spec, const Outcome* outcome, const AttemptLog& attempts, const Progress* progress) {
  std::size_t size = kEntry + std::min(spec.args.size() + spec.keywords().size(), kMaxShownArguments);
  for (const Header& header : spec.options.headers) size += header.first.size() + header.second.size();
  if (outcome != nullptr) size += wire_size(*outcome);
  if (attempts) size += attempts->size() * (sizeof(AttemptRecord) + kMaxAttemptMessage);
  if (progress != nullptr) size += progress->note.size() + progress->output.size();
  return size;
}

// What a job takes in the answer at most.
std::size_t size_of(const Engine& engine, const JobId& id, const StoredJob* stored) {
  if (const Job* job = engine.jobs().find(id)) {
    return size_of(*job->spec, job->outcome.get(), job->attempts(), job->progress());
  }
  return stored != nullptr ? size_of(*stored->spec, stored->outcome.get(), stored->earlier, nullptr) : 0;
}

// A message that is larger than the peer takes would never arrive.
std::optional<Error> why_too_large(const Engine& engine, const std::vector<JobId>& ids, const StoredJobs& stored) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const StoredJob* of_store = i < stored.size() && stored[i] ? &*stored[i] : nullptr;
    bytes += size_of(engine, ids[i], of_store);
  }
  if (ids.size() <= 1 || bytes <= message::kDefaultMaxMessage) return std::nullopt;
  return Error{
      ErrorCode::too_large, "the answer would have " + std::to_string(bytes) + " bytes: ask for fewer jobs", {}};
}

void answer_jobs(const Engine& engine, PendingAnswers& pending, const PendingAnswers::Asker& asker,
                 const std::vector<JobId>& ids, const StoredJobs& stored) {
  if (const auto why = why_too_large(engine, ids, stored)) return pending.refuse(asker, *why);
  pending.answer_as_is(asker, jobs_answer(engine, ids, stored));
}

void tell_jobs(const QueryCall& call) {
  const auto& ids = call.params.ids;
  const bool are_here =
      std::all_of(ids.begin(), ids.end(), [&](const JobId& id) { return call.engine.jobs().find(id) != nullptr; });
  if (are_here) return answer_jobs(call.engine, call.pending, call.from, ids, {});
  const auto then = [&engine = call.engine, &pending = call.pending, from = call.from](const Found& found, Moment,
                                                                                       Effects&) {
    answer_jobs(engine, pending, from, found.asked.ids, found.jobs);
  };
  call.pending.find(call.from, ids, then, call.out);
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
