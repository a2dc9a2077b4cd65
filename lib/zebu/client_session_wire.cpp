#include "zebu/client_session.h"

#include <algorithm>

// The messages that a ClientSession sends to the broker, and how it handles the broker's messages.
namespace zebu {
namespace {

// Whether an answer is a map whose only key is "error". Other answers can be large, and are not decoded here.
bool begins_as_refusal(Bytes answer) {
  constexpr Bytes kShort = "\x81\xa5\x65rror";
  constexpr Bytes kLong("\xde\x00\x01\xa5\x65rror", 9);
  return answer.starts_with(kShort) || answer.starts_with(kLong);
}

}  // namespace

// The broker knows nothing of a new session, so unanswered SUBMITs, WAITs and CANCELs are all sent again.
void ClientSession::up() {
  std::vector<JobId> again;
  waits_ = Batch(message::Type::wait);
  leaves_ = Batch(message::Type::leave);
  cancels_ = Batch(message::Type::cancel);
  for (auto& [id, entry] : entries_) {
    if (entry.phase == Phase::unanswered) {
      entry.phase = Phase::unsent;
      again.push_back(id);
    } else if (entry.phase == Phase::accepted) {
      entry.is_told = !entry.waiters.empty();
      if (entry.is_told) say(waits_, id);
    }
  }
  for (const JobId& id : unanswered_cancels_) {
    const auto found = entries_.find(id);
    // One that is to be sent again hears it behind its SUBMIT.
    if (found == entries_.end() || found->second.phase == Phase::accepted) say(cancels_, id);
  }
  std::sort(again.begin(), again.end());
  unsent_.insert(unsent_.begin(), again.begin(), again.end());
  unanswered_ = 0;
  if (on_change_) on_change_(nullptr);
}

// Cancels go after the submissions of the same jobs. Leaves go before waits, in case a job was left and waited for
// again.
void ClientSession::flush() {
  if (!link_.is_up()) return;
  flush_submissions();
  if (!leaves_.empty()) link_.send(leaves_.finish());
  if (!waits_.empty()) link_.send(waits_.finish());
  if (!cancels_.empty()) link_.send(cancels_.finish());
  for (Frame& frame : outgoing_) link_.send(std::move(frame));
  outgoing_.clear();
}

void ClientSession::flush_submissions() {
  const std::size_t max = link_.welcome().max_part;
  Batch waited(message::Type::submit);
  Batch unwaited(message::Type::submit);
  std::vector<JobId> unwanted;
  while (!unsent_.empty() && unanswered_ < link_.welcome().grant) {
    const auto found = entries_.find(unsent_.front());
    unsent_.pop_front();
    if (found == entries_.end() || found->second.phase != Phase::unsent) continue;
    Entry& entry = found->second;
    if (auto why = why_too_large(entry.submission.size(), "the job")) {
      finish(found, tl::make_unexpected(std::move(*why)));
      continue;
    }
    if (is_ended_here(entry)) {
      finish_unsent(found->first);
      continue;
    }
    entry.phase = Phase::unanswered;
    entry.was_sent = true;
    entry.is_told = !entry.waiters.empty();
    ++unanswered_;
    Batch& batch = entry.is_told ? waited : unwaited;
    if (batch.is_full(entry.submission.size(), max)) link_.send(batch.finish(entry.is_told ? 1 : 0));
    batch.add_encoded(entry.submission);
    if (entry.submission.size() > max / 2) batch.is_about(found->first);
    if (entry.is_unwanted) unwanted.push_back(found->first);
  }
  if (!waited.empty()) link_.send(waited.finish(1));
  if (!unwaited.empty()) link_.send(unwaited.finish(0));
  for (const JobId& id : unwanted) say(cancels_, id);
}

void ClientSession::handle(const message::Message& message) {
  if (const auto* accepted = std::get_if<message::Accepted>(&message)) {
    handle_accepted(*accepted);
  } else if (const auto* done = std::get_if<message::Done>(&message)) {
    handle_done(*done);
  } else if (const auto* refused = std::get_if<message::Refused>(&message)) {
    handle_refused(*refused);
  } else if (const auto* attached = std::get_if<message::Attached>(&message)) {
    handle_attached(*attached);
  } else if (const auto* progress = std::get_if<message::ProgressReports>(&message)) {
    handle_progress(*progress);
  } else if (const auto* ending = std::get_if<message::Ending>(&message)) {
    handle_ending(*ending);
  } else if (const auto* unknown = std::get_if<message::Unknown>(&message)) {
    handle_unknown(*unknown);
  } else if (const auto* answer = std::get_if<message::Answer>(&message)) {
    handle_answer(*answer);
  }
}

void ClientSession::handle_accepted(const message::Accepted& accepted) {
  for (const JobId& id : accepted.ids) {
    const auto found = entries_.find(id);
    if (found == entries_.end() || found->second.phase != Phase::unanswered) continue;
    Entry& entry = found->second;
    --unanswered_;
    entry.phase = Phase::accepted;
    let_go(entry);
    const Submitters submitters = std::exchange(entry.submitters, {});
    if (entry.waiters.empty()) {
      if (entry.is_told) say(leaves_, id);
      erase(found);
    } else if (!entry.is_told) {
      entry.is_told = true;
      say(waits_, id);
    }
    for (const Submitter& each : submitters) each.handler(id);
  }
}

void ClientSession::handle_attached(const message::Attached& attached) {
  for (const message::Attachment& each : attached.jobs) {
    const auto found = entries_.find(each.id);
    if (found == entries_.end() || found->second.phase != Phase::unanswered) continue;
    --unanswered_;
    let_go(found->second);
    Entry from = std::move(found->second);
    entries_.erase(found);
    const Submitters submitters = std::exchange(from.submitters, {});
    if (!from.waiters.empty()) {
      attach(each.id, std::move(from), each.to);
    } else if (from.is_told && !entries_.contains(each.to)) {
      say(leaves_, each.to);
    }
    for (const Submitter& submitter : submitters) submitter.handler(each.to);
  }
}

// Moves the waiters of `id` to the job `to`, which may already have waiters of its own.
void ClientSession::attach(const JobId& id, Entry from, const JobId& to) {
  Entry& entry = entries_[to];
  std::move(from.waiters.begin(), from.waiters.end(), std::back_inserter(entry.waiters));
  from.attached.push_back(id);
  for (const JobId& each : from.attached) attached_[each] = to;
  entry.attached.insert(entry.attached.end(), from.attached.begin(), from.attached.end());
  // Needed even if `id` was submitted with wait: a LEAVE of `to` may have crossed the ATTACHED, and ended that wait.
  if (entry.phase == Phase::accepted && !std::exchange(entry.is_told, true)) say(waits_, to);
  if (from.is_unwanted) cancel(to);
}

void ClientSession::handle_refused(const message::Refused& refused) {
  for (const message::Refusal& refusal : refused.jobs) {
    const auto found = entries_.find(refusal.id);
    if (found == entries_.end() || found->second.phase != Phase::unanswered) continue;
    finish(found, tl::make_unexpected(Error{refusal.code, std::string(refusal.message), refusal.retry_after}));
  }
}

void ClientSession::handle_done(const message::Done& done) {
  for (const message::Report& report : done.jobs) {
    const auto found = entries_.find(report.id);
    if (found != entries_.end()) finish(found, outcome_of(report));
  }
}

void ClientSession::handle_ending(const message::Ending& ending) {
  for (const message::EndingJob& job : ending.jobs) unanswered_cancels_.erase(job.id);
}

void ClientSession::handle_unknown(const message::Unknown& unknown) {
  for (const JobId& id : unknown.ids) {
    unanswered_cancels_.erase(id);
    const auto found = entries_.find(id);
    // Of one that is under way: what was asked before it was submitted. SUBMIT has an answer of its own.
    if (found == entries_.end() || found->second.phase != Phase::accepted) continue;
    finish(found, fail(ErrorCode::unknown_job, "the broker does not know job " + id.to_string() +
                                                   ": it was never submitted, was forgotten, or was lost with a "
                                                   "broker that keeps jobs in memory"));
  }
}

// A handler may call back into the session, so the list is copied before any is called.
void ClientSession::handle_progress(const message::ProgressReports& reports) {
  for (const message::ProgressReport& report : reports.jobs) {
    const auto found = entries_.find(report.id);
    if (found == entries_.end()) continue;
    std::vector<OnProgress> listeners;
    for (const Waiter& waiter : found->second.waiters) {
      if (waiter.progress) listeners.push_back(waiter.progress);
    }
    const Progress progress{report.done, std::string(report.note), std::string(report.output), report.offset,
                            report.number};
    for (const OnProgress& listener : listeners) listener(report.attempt, progress);
  }
}

void ClientSession::handle_answer(const message::Answer& answer) {
  const auto found = questions_.find(answer.number);
  if (found == questions_.end()) return;
  if (answer.more) {
    const OnAnswer progress = found->second.progress;  // which may end the question
    if (progress) progress(std::string(answer.value));
    return;
  }
  const Question question = std::move(found->second);
  questions_.erase(found);
  const bool may_be_refused = question.is_command || begins_as_refusal(answer.value);
  const auto refusal = may_be_refused ? refusal_in(answer.value) : std::nullopt;
  question.handler(refusal ? Result<std::string>(tl::make_unexpected(*refusal)) : std::string(answer.value));
}

// Removes the entry first, because its handlers may call back into the session.
void ClientSession::finish(Entries::iterator found, const Result<Outcome>& outcome) {
  const JobId id = found->first;
  let_go(found->second);
  Entry entry = std::move(found->second);
  for (const JobId& each : entry.attached) attached_.erase(each);
  entries_.erase(found);
  if (entry.was_sent && outcome) unanswered_cancels_.erase(id);
  if (entry.phase == Phase::unanswered) --unanswered_;
  for (const Submitter& each : entry.submitters) {
    each.handler(outcome ? Result<JobId>(id) : Result<JobId>(tl::make_unexpected(outcome.error())));
  }
  for (const Waiter& waiter : entry.waiters) waiter.handler(outcome);
}

}  // namespace zebu
