#include "zebu/client_session.h"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace zebu {

message::Params Params::view() const { return {ids, queue, task, state, reason, consumer, after, limit}; }

ClientSession::ClientSession(boost::asio::io_context& loop, SocketContext& context, ClientOptions options)
    : options_(std::move(options)),
      loop_(loop),
      link_(loop, context, LinkOptions{options_.broker, options_.liveness, {}}, handlers()) {}

ClientSession::~ClientSession() { close(); }

Result<void> ClientSession::start() { return link_.start(); }

Link::Handlers ClientSession::handlers() {
  Link::Handlers h;
  h.hello = [this] {
    message::Hello hello;
    hello.role = message::Role::client;
    hello.name = options_.name;
    hello.instance = instance_;
    return encode(hello);
  };
  h.up = [this](const message::Welcome&) { up(); };
  h.down = [this](const Error& why) {
    fail_questions(why);
    if (on_change_) on_change_(&why);
  };
  h.put_off = [this](const Error& why) {
    if (on_put_off_) on_put_off_(why);
  };
  h.waiting = [this](const Finding& why, std::chrono::milliseconds time) {
    if (on_waiting_) on_waiting_(why, time);
  };
  h.message = [this](const message::Message& message) { handle(message); };
  h.flush = [this] { flush(); };
  h.refused = [this](const Error& why) {
    ended_ = why;
    fail_questions(why);
    while (!entries_.empty()) finish(entries_.begin(), tl::make_unexpected(why));
    if (on_change_) on_change_(&why);
  };
  return h;
}

ClientSession::Ticket ClientSession::submit(const JobId& id, JobRequest request, OnAccepted accepted, OnOutcome outcome,
                                            std::optional<std::size_t> reserved) {
  const Ticket ticket{id, next_number_++};
  const auto bad = why_bad(request.options);
  const auto known = find(id);
  const bool is_attached = known != entries_.end() && known->first != id;
  const bool is_under_way = is_attached || (known != entries_.end() && known->second.phase != Phase::accepted);
  auto why = ended_;
  if (!why && bad) why = Error{ErrorCode::bad_job, *bad, {}};
  if (!why && !is_under_way && !reserved) why = why_full();
  if (reserved && (why || is_under_way)) release(*reserved);
  if (why) {
    tell(ticket.number, *why, std::move(accepted), std::move(outcome));
    return ticket;
  }
  Entry& entry = is_under_way ? known->second : entries_[id];
  if (is_attached && entry.phase == Phase::accepted && accepted) tell_attached(known->first, ticket.number);
  if (accepted) entry.submitters.push_back({ticket.number, std::move(accepted)});
  if (outcome) entry.waiters.push_back({ticket.number, std::move(outcome), nullptr});
  if (is_under_way) return ticket;
  hold(id, entry,
       encode_entry(message::Submission{id, request.task, request.queue, request.args, std::move(request.options),
                                        request.kwargs}),
       reserved);
  link_.request_flush();
  return ticket;
}

// What the broker has said before: the id is attached to this job.
void ClientSession::tell_attached(const JobId& to, std::uint64_t number) {
  boost::asio::post(loop_, [this, alive = std::weak_ptr<bool>(alive_), to, number] {
    if (alive.expired()) return;
    const auto found = entries_.find(to);
    if (found == entries_.end()) return;  // it has ended, and so was told
    auto& submitters = found->second.submitters;
    const auto one =
        std::find_if(submitters.begin(), submitters.end(), [&](const auto& s) { return s.number == number; });
    if (one == submitters.end()) return;
    const OnAccepted handler = std::move(one->handler);
    submitters.erase(one);
    handler(to);
  });
}

std::optional<Error> ClientSession::why_full() const {
  const std::size_t jobs = held_jobs_;
  const std::size_t bytes = held_bytes_;
  if (jobs < options_.max_unanswered_jobs && bytes < options_.max_unanswered_bytes) return std::nullopt;
  return Error{ErrorCode::client_full,
               "the broker at " + options_.broker + " has not answered " + std::to_string(jobs) + " submissions of " +
                   std::to_string(bytes) + " bytes, and this client keeps at most " +
                   std::to_string(options_.max_unanswered_jobs) + " of " +
                   std::to_string(options_.max_unanswered_bytes) + " bytes: submit again when it has",
               std::chrono::seconds(1)};
}

void ClientSession::reserve(std::size_t bytes) {
  ++held_jobs_;
  held_bytes_ += bytes;
}

void ClientSession::release(std::size_t bytes) {
  --held_jobs_;
  held_bytes_ -= bytes;
  if (on_answered_) on_answered_();
}

// Keeps the submission until the broker has answered it.
void ClientSession::hold(const JobId& id, Entry& entry, std::string submission, std::optional<std::size_t> reserved) {
  // While the broker is away, ids of jobs that were cancelled meanwhile stay behind.
  if (unsent_.size() > 2 * held_jobs_ + 1024) {
    std::erase_if(unsent_, [this](const JobId& each) {
      const auto found = entries_.find(each);
      return found == entries_.end() || found->second.phase != Phase::unsent;
    });
  }
  entry.phase = Phase::unsent;
  entry.submission = std::move(submission);
  held_bytes_ += entry.submission.size() - reserved.value_or(0);
  if (!reserved) ++held_jobs_;
  unsent_.push_back(id);
}

void ClientSession::let_go(Entry& entry) {
  if (entry.submission.empty()) return;
  release(std::exchange(entry.submission, {}).size());
}

// A frame that the broker does not take would close this connection and each later one.
std::optional<Error> ClientSession::why_too_large(std::size_t bytes, const char* what) const {
  constexpr std::size_t kAround = 64;  // what a message has beside its one entry, here and in ASSIGN
  const std::uint64_t most = link_.welcome().max_message;
  if (bytes + kAround <= most) return std::nullopt;
  return Error{ErrorCode::too_large,
               std::string(what) + " has " + std::to_string(bytes) +
                   " bytes, and the broker takes messages of at most " + std::to_string(most) +
                   ": make it smaller, or raise the broker's --max-message",
               {}};
}

ClientSession::Ticket ClientSession::wait(const JobId& id, OnOutcome outcome) {
  const Ticket ticket{id, next_number_++};
  if (ended_) {
    tell(ticket.number, *ended_, nullptr, std::move(outcome));
    return ticket;
  }
  auto found = find(id);
  if (found == entries_.end()) found = entries_.emplace(id, Entry{}).first;
  Entry& entry = found->second;
  entry.waiters.push_back({ticket.number, std::move(outcome), nullptr});
  if (entry.phase == Phase::accepted && !entry.is_told) {
    entry.is_told = true;
    say(waits_, found->first);
  }
  return ticket;
}

void ClientSession::on_progress(const Ticket& ticket, OnProgress handler) {
  const auto found = find(ticket.job);
  if (found == entries_.end()) return;
  for (Waiter& waiter : found->second.waiters) {
    if (waiter.number == ticket.number) waiter.progress = std::move(handler);
  }
}

// Unless they are taken away meanwhile.
void ClientSession::tell(std::uint64_t number, const Error& why, OnAccepted accepted, OnOutcome outcome) {
  to_tell_.insert(number);
  boost::asio::post(loop_, [this, alive = std::weak_ptr<bool>(alive_), number, why, accepted = std::move(accepted),
                            outcome = std::move(outcome)] {
    if (!alive.expired() && to_tell_.erase(number) == 0) return;
    if (accepted) accepted(tl::make_unexpected(why));
    if (outcome) outcome(tl::make_unexpected(why));
  });
}

void ClientSession::leave(const Ticket& ticket) {
  to_tell_.erase(ticket.number);
  const auto found = find(ticket.job);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  std::erase_if(entry.waiters, [&](const Waiter& w) { return w.number == ticket.number; });
  const auto is_its = [&](const Submitter& s) { return s.number == ticket.number; };
  entry.submitters.erase(std::remove_if(entry.submitters.begin(), entry.submitters.end(), is_its),
                         entry.submitters.end());
  if (!entry.waiters.empty() || entry.phase != Phase::accepted) return;
  if (entry.is_told) say(leaves_, found->first);
  erase(found);
}

void ClientSession::cancel(const JobId& id) {
  const auto found = find(id);
  const JobId& its = found == entries_.end() ? id : found->first;
  unanswered_cancels_.insert(its);
  say(cancels_, its);  // a job that is to be sent again gets a second CANCEL after its SUBMIT
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.is_unwanted = true;
  // We have not sent it to the broker, but someone else may have submitted the same id before.
  if (entry.phase == Phase::unsent && !entry.was_sent) finish_unsent(id);
}

// Posted to the loop, because handlers must not be called from inside cancel().
void ClientSession::finish_unsent(const JobId& id) {
  boost::asio::post(loop_, [this, alive = std::weak_ptr<bool>(alive_), id] {
    if (alive.expired()) return;
    const auto found = find(id);
    if (found != entries_.end() && is_ended_here(found->second)) finish(found, Outcome{});
  });
}

template <class M>
void ClientSession::ask(const std::string& what, const Params& params, OnAnswer answer, OnAnswer progress) {
  if (!link_.is_up()) {
    boost::asio::post(loop_, [answer = std::move(answer), broker = options_.broker] {
      answer(fail(ErrorCode::disconnected, "the broker at " + broker + " does not answer"));
    });
    return;
  }
  const M question{next_number_++, what, params.view()};
  Frame frame = encode(question);
  if (auto why = why_too_large(frame.bytes().size(), "the question")) {
    boost::asio::post(loop_, [answer = std::move(answer), why = std::move(*why)] { answer(tl::make_unexpected(why)); });
    return;
  }
  questions_.emplace(question.number,
                     Question{std::move(answer), std::move(progress), std::is_same_v<M, message::Command>});
  outgoing_.push_back(std::move(frame));
  link_.request_flush();
}

void ClientSession::query(std::string what, Params params, OnAnswer answer) {
  ask<message::Query>(what, params, std::move(answer), nullptr);
}

void ClientSession::command(std::string what, Params params, OnAnswer answer, OnAnswer progress) {
  ask<message::Command>(what, params, std::move(answer), std::move(progress));
}

void ClientSession::close() {
  if (std::exchange(closed_, true)) return;
  flush();
  link_.close();
  const Error why{ErrorCode::closed, "the client was closed", {}};
  ended_ = why;
  fail_questions(why);
  while (!entries_.empty()) finish(entries_.begin(), tl::make_unexpected(why));
}

ClientSession::Entries::iterator ClientSession::find(const JobId& id) {
  const auto became = attached_.empty() ? attached_.end() : attached_.find(id);
  return entries_.find(became == attached_.end() ? id : became->second);
}

// While the broker is away this does nothing, because up() sends everything to a new session.
void ClientSession::say(Batch& batch, const JobId& id) {
  constexpr std::size_t kIdSize = 18;
  if (!link_.is_up()) return;
  if (batch.is_full(kIdSize, link_.welcome().max_part)) link_.send(batch.finish());
  batch.add(id);
  link_.request_flush();
}

void ClientSession::erase(Entries::iterator entry) {
  for (const JobId& id : entry->second.attached) attached_.erase(id);
  entries_.erase(entry);
}

void ClientSession::fail_questions(const Error& why) {
  const auto questions = std::exchange(questions_, {});
  for (const auto& [number, question] : questions) question.handler(tl::make_unexpected(why));
  outgoing_.clear();
}

}  // namespace zebu
