#include "broker/server/inquiries.h"

#include "broker/engine/wording.h"

#include <algorithm>

namespace zebu::broker {
namespace {

constexpr std::size_t kMaxIds = 1000;
constexpr std::uint32_t kMaxPage = 1000;
constexpr std::uint32_t kDefaultPage = 100;
// Jobs that a session may have asked for without having been answered: all of them are in memory before they leave.
constexpr std::size_t kMaxAsked = 10'000;
const SharedOutcome kNone;

}  // namespace

// Only durable jobs have records, but most reports name several jobs: they wait for the newest batch that has any.
BatchNumber Inquiries::undurable() const {
  const BatchNumber newest = engine_.newest_batch();
  return newest > engine_.settled() ? newest : 0;
}

void Inquiries::ask(Inquiry inquiry, Read read, Effects& out) {
  const auto asked = asked_.find(inquiry.session);
  if (asked != asked_.end() && asked->second + inquiry.weight() > kMaxAsked) {
    return refuse(inquiry.session, inquiry.number,
                  {ErrorCode::too_many_queries,
                   std::to_string(asked->second) + " jobs are asked for and not answered yet: wait for the answers",
                   std::chrono::seconds(1)});
  }
  ask_store(std::move(inquiry), std::move(read), out);
}

void Inquiries::ask_store(Inquiry inquiry, Read read, Effects& out) {
  asked_[inquiry.session] += inquiry.weight();
  const std::uint64_t asker = next_asker_++;
  if (auto* find = std::get_if<Find>(&read)) find->asker = asker;
  if (auto* list = std::get_if<List>(&read)) list->asker = asker;
  waiting_.emplace(asker, std::move(inquiry));
  out.reads.emplace_back(std::move(read));
}

void Inquiries::query(SessionId session, const message::Query& query, Moment now, Effects& out) {
  const auto answer = [&](std::string value) {
    answers_.push_back({session, query.number, std::move(value), undurable()});
  };
  const auto& params = query.params;
  if (query.what == "jobs" && params.ids.size() <= kMaxIds) {
    const bool are_here = std::all_of(params.ids.begin(), params.ids.end(),
                                      [&](const JobId& id) { return engine_.jobs().find(id) != nullptr; });
    if (are_here) return answer_jobs(session, query.number, params.ids, {});
    return ask({session, query.number, Kind::jobs, params.ids, {}, 0}, Find{params.ids, 0}, out);
  }
  if (query.what == "list" && params.limit <= kMaxPage) {
    const ListFilter filter{params.state, std::string(params.queue), std::string(params.task),
                            std::string(params.after), params.limit == 0 ? kDefaultPage : params.limit};
    return ask({session, query.number, Kind::list, {}, filter, 0}, List{filter, 0}, out);
  }
  if (query.what == "queues") return answer(queues_answer(engine_, now));
  if (query.what == "consumers") return answer(consumers_answer(engine_, now));
  if (query.what == "broker") return answer(broker_answer(engine_, facts_, now));
  out.errors.push_back({session,
                        {ErrorCode::bad_message,
                         "QUERY asks for 'jobs' (at most 1000 ids), 'list' (at most 1000 a page), 'queues', "
                         "'consumers' or 'broker'",
                         {}}});
}

void Inquiries::command(SessionId session, const message::Command& command, Moment now, Effects& out) {
  const auto& params = command.params;
  const auto need_queue = [&] {
    if (is_valid_name(params.queue)) return true;
    refuse(session, command.number, {ErrorCode::bad_command, std::string(command.what) + " needs a queue's name", {}});
    return false;
  };
  const auto answer = [&](std::string value) {
    answers_.push_back({session, command.number, std::move(value), engine_.open_batch()});
  };
  if (command.what == "pause") {
    if (!need_queue()) return;
    engine_.pause(params.queue, params.reason.substr(0, kMaxNote), out);
    answer(count_answer("paused", 1));
  } else if (command.what == "resume") {
    if (!need_queue()) return;
    if (engine_.resume(params.queue, out)) return answer(count_answer("resumed", 1));
    answers_.push_back({session, command.number, count_answer("resumed", 0), 0});
  } else if (command.what == "purge") {
    if (need_queue()) purge(session, command, now, out);
  } else if (command.what == "drain") {
    drain(session, command, out);
  } else if (command.what == "retry" && !params.ids.empty() && params.ids.size() <= kMaxIds) {
    ask({session, command.number, Kind::retry, params.ids, {}, 0}, Find{params.ids, 0}, out);
  } else if (command.what == "retry" && params.ids.empty()) {
    ListFilter filter{JobState::failed, std::string(params.queue), std::string(params.task), {}, kMaxPage};
    ask({session, command.number, Kind::retry_all, {}, filter, 0}, List{filter, 0}, out);
  } else {
    refuse(session, command.number,
           {ErrorCode::bad_command,
            "unknown command " + in_quotes(command.what) +
                ": there are pause, resume, purge, retry (at most 1000 ids) and drain",
            {}});
  }
}

void Inquiries::purge(SessionId session, const message::Command& command, Moment now, Effects& out) {
  const auto& params = command.params;
  if (params.state == JobState::failed) {
    ListFilter filter{JobState::failed, std::string(params.queue), {}, {}, kMaxPage};
    return ask({session, command.number, Kind::purge_failed, {}, filter, 0}, List{filter, 0}, out);
  }
  if (params.state && *params.state != JobState::queued) {
    return refuse(session, command.number, {ErrorCode::bad_command, "purge takes state queued or failed", {}});
  }
  if (engine_.jobs().queues().find(params.queue) == engine_.jobs().queues().end()) {
    return refuse(session, command.number,
                  {ErrorCode::unknown_queue, "there is no queue " + in_quotes(params.queue), {}});
  }
  const auto purged = engine_.purge(params.queue, now, out);
  answers_.push_back({session, command.number, count_answer("purged", purged), engine_.open_batch()});
}

void Inquiries::drain(SessionId session, const message::Command& command, Effects& out) {
  const std::size_t drained = engine_.drain_consumers(command.params.consumer, out);
  if (drained == 0) {
    return refuse(session, command.number,
                  {ErrorCode::unknown_consumer,
                   "no consumer of name or instance " + in_quotes(command.params.consumer) + " is connected",
                   {}});
  }
  answers_.push_back({session, command.number, count_answer("drained", drained), 0});
}

void Inquiries::refuse_unread(SessionId session, std::uint64_t number) {
  refuse(
      session, number,
      {ErrorCode::too_many_queries, "much of what was sent is not read yet: read it first", std::chrono::seconds(1)});
}

// A larger answer than a message may be would arrive nowhere.
void Inquiries::answer_jobs(SessionId session, std::uint64_t number, const std::vector<JobId>& ids,
                            const std::vector<std::optional<StoredJob>>& stored) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Job* job = engine_.jobs().find(ids[i]);
    const SharedOutcome& outcome = job ? job->outcome : i < stored.size() && stored[i] ? stored[i]->outcome : kNone;
    if (outcome) bytes += outcome->result.size();
  }
  if (ids.size() > 1 && bytes > message::kDefaultMaxMessage) {
    return refuse(session, number,
                  {ErrorCode::too_many_queries,
                   "their results have " + std::to_string(bytes) + " bytes: ask for fewer jobs",
                   {}});
  }
  answers_.push_back({session, number, jobs_answer(engine_, ids, stored), undurable()});
}

void Inquiries::refuse(SessionId session, std::uint64_t number, const Error& why) {
  answers_.push_back({session, number, refused_answer(why), 0});
}

// ── from the store ──────────────────────────────────────────────────────────────────────────────────────────────────

bool Inquiries::answered(const ReadAnswer& answer, Moment now, Effects& out) {
  const auto* found_jobs = std::get_if<Found>(&answer);
  const auto* listed_jobs = std::get_if<Listed>(&answer);
  const std::uint64_t asker = found_jobs ? found_jobs->asked.asker : listed_jobs ? listed_jobs->asked.asker : 0;
  const auto waiting = waiting_.find(asker);
  if (waiting == waiting_.end()) return false;
  Inquiry inquiry = std::move(waiting->second);
  waiting_.erase(waiting);
  const auto asked = asked_.find(inquiry.session);
  if ((asked->second -= inquiry.weight()) == 0) asked_.erase(asked);
  const bool is_there = engine_.sessions().contains(inquiry.session);
  if (!is_there && (inquiry.kind == Kind::jobs || inquiry.kind == Kind::list)) return true;
  if (found_jobs) {
    found(inquiry, *found_jobs, now, out);
  } else {
    listed(std::move(inquiry), *listed_jobs, now, out);
  }
  return true;
}

void Inquiries::found(const Inquiry& inquiry, const Found& found, Moment now, Effects& out) {
  if (inquiry.kind == Kind::retry) return retry(inquiry, found, now, out);
  answer_jobs(inquiry.session, inquiry.number, inquiry.ids, found.jobs);
}

void Inquiries::retry(const Inquiry& inquiry, const Found& found, Moment now, Effects& out) {
  Retried retried{inquiry, 0, {}, false};
  for (std::size_t i = 0; i < found.jobs.size(); ++i) {
    if (!found.jobs[i]) continue;
    if (const auto fresh = engine_.retry(*found.jobs[i], Uuid::make(), now, out)) {
      retried.jobs.emplace_back(inquiry.ids[i], *fresh);
      if (!found.jobs[i]->spec->options.unique.empty()) retried.has_keyed = true;
    }
  }
  retried.batch = engine_.newest_batch();
  if (!retried.jobs.empty()) return retried_.push_back(std::move(retried));
  answers_.push_back({inquiry.session, inquiry.number, retried_answer({}), 0});
}

void Inquiries::listed(Inquiry inquiry, const Listed& listed, Moment now, Effects& out) {
  if (inquiry.kind == Kind::list) {
    answers_.push_back(
        {inquiry.session, inquiry.number, list_answer(engine_, listed.page, listed.asked.filter.state), undurable()});
    return;
  }
  const bool is_retry = inquiry.kind == Kind::retry_all;
  for (const StoredJob& job : listed.page.jobs) {
    if (!is_retry) {
      inquiry.count += engine_.forget_failed(job, out) ? 1 : 0;
    } else if (const auto fresh = engine_.retry(job, Uuid::make(), now, out)) {
      ++inquiry.count;
      if (!job.spec->options.unique.empty()) inquiry.keyed.push_back(*fresh);
    }
  }
  if (!listed.page.next.empty()) {
    inquiry.filter.after = listed.page.next;
    List next{inquiry.filter, 0};
    ask_store(std::move(inquiry), std::move(next), out);
  } else if (is_retry && undurable() != 0) {
    const bool has_keyed = !inquiry.keyed.empty();
    retried_.push_back({std::move(inquiry), undurable(), {}, has_keyed});
  } else {
    const char* name = is_retry ? "retried" : "purged";
    answers_.push_back({inquiry.session, inquiry.number, count_answer(name, inquiry.count), undurable()});
  }
}

// A job that has not got its unique key is not retried.
void Inquiries::committed(BatchNumber batch, const Effects& out) {
  for (const JobId& fresh : out.not_retried) not_retried(fresh);
  std::erase_if(retried_, [&](Retried& retried) {
    if (retried.batch > batch) return false;
    if (std::exchange(retried.has_keyed, false) && engine_.newest_batch() > batch) {
      retried.batch = engine_.newest_batch();
      return false;
    }
    const Inquiry& inquiry = retried.inquiry;
    answers_.push_back(
        {inquiry.session, inquiry.number,
         inquiry.kind == Kind::retry ? retried_answer(retried.jobs) : count_answer("retried", inquiry.count), 0});
    return true;
  });
}

void Inquiries::not_retried(const JobId& fresh) {
  const auto uncount = [&](Inquiry& inquiry) { inquiry.count -= std::erase(inquiry.keyed, fresh); };
  for (auto& [asker, inquiry] : waiting_) uncount(inquiry);
  for (Retried& retried : retried_) {
    uncount(retried.inquiry);
    std::erase_if(retried.jobs, [&](const auto& pair) { return pair.second == fresh; });
  }
}

}  // namespace zebu::broker
