#include <utility>
// <utility> first: Boost 1.74's Asio uses std::exchange without including it.
#include <zebu/client_session.h>

#include <boost/asio/post.hpp>

namespace zebu {

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
    fail_queries(why);
    if (on_change_) on_change_(&why);
  };
  h.message = [this](const message::Message& message) { handle(message); };
  h.flush = [this] { flush(); };
  h.refused = [this](const Error& why) {
    ended_ = why;
    fail_queries(why);
    while (!entries_.empty()) finish(entries_.begin(), tl::make_unexpected(why));
    if (on_change_) on_change_(&why);
  };
  return h;
}

ClientSession::Ticket ClientSession::submit(const JobId& id, JobRequest request, OnAccepted accepted,
                                            OnOutcome outcome) {
  const Ticket ticket{id, next_number_++};
  if (ended_) {
    tell_ended(std::move(accepted), std::move(outcome));
    return ticket;
  }
  Entry& entry = entries_[id];
  entry.phase = Phase::unsent;
  entry.submission = encode_entry({id, request.task, request.queue, request.args, request.options});
  entry.accepted = std::move(accepted);
  entry.submitter = ticket.number;
  entry.told = static_cast<bool>(outcome);
  if (outcome) entry.waiters.push_back({ticket.number, std::move(outcome)});
  unsent_.push_back(id);
  link_.request_flush();
  return ticket;
}

ClientSession::Ticket ClientSession::wait(const JobId& id, OnOutcome outcome) {
  const Ticket ticket{id, next_number_++};
  if (ended_) {
    tell_ended(nullptr, std::move(outcome));
    return ticket;
  }
  Entry& entry = entries_[id];
  entry.waiters.push_back({ticket.number, std::move(outcome)});
  if (entry.phase == Phase::accepted && !entry.told) {
    entry.told = true;
    waits_.add(id);
    link_.request_flush();
  }
  return ticket;
}

void ClientSession::tell_ended(OnAccepted accepted, OnOutcome outcome) {
  boost::asio::post(loop_, [why = *ended_, accepted = std::move(accepted), outcome = std::move(outcome)] {
    if (accepted) accepted(tl::make_unexpected(why));
    if (outcome) outcome(tl::make_unexpected(why));
  });
}

void ClientSession::leave(const Ticket& ticket) {
  const auto found = entries_.find(ticket.job);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  std::erase_if(entry.waiters, [&](const Waiter& w) { return w.number == ticket.number; });
  if (entry.submitter == ticket.number) entry.accepted = nullptr;
  if (!entry.waiters.empty() || entry.phase != Phase::accepted) return;
  if (entry.told) leaves_.add(ticket.job);
  entries_.erase(found);
  link_.request_flush();
}

void ClientSession::cancel(const JobId& id) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.phase != Phase::unsent) {
    cancels_.add(id);
    link_.request_flush();
    return;
  }
  // The broker need not hear of it. Its handlers do, from the loop, as always.
  boost::asio::post(loop_, [this, alive = std::weak_ptr<bool>(alive_), id] {
    if (alive.expired()) return;
    const auto unsent = entries_.find(id);
    if (unsent == entries_.end()) return;
    if (unsent->second.phase == Phase::unsent) return finish(unsent, Outcome{});
    cancels_.add(id);
    link_.request_flush();
  });
}

void ClientSession::query(std::string what, std::vector<JobId> ids, OnAnswer answer) {
  if (!link_.is_up()) {
    boost::asio::post(loop_, [answer = std::move(answer), broker = options_.broker] {
      answer(fail(ErrorCode::disconnected, "the broker at " + broker + " does not answer"));
    });
    return;
  }
  message::Query query{next_number_++, what, std::move(ids)};
  queries_.emplace(query.number, std::move(answer));
  outgoing_.push_back(encode(query));
  link_.request_flush();
}

void ClientSession::close() {
  if (std::exchange(closed_, true)) return;
  flush();
  link_.close();
  const Error why{ErrorCode::closed, "the client was closed", {}};
  ended_ = why;
  fail_queries(why);
  while (!entries_.empty()) finish(entries_.begin(), tl::make_unexpected(why));
}

// A fresh session knows nothing: what was not answered goes out again, and who waits says so again.
void ClientSession::up() {
  std::vector<JobId> again;
  waits_ = Batch(message::Type::wait);
  leaves_ = Batch(message::Type::leave);
  for (auto& [id, entry] : entries_) {
    if (entry.phase == Phase::unanswered) {
      entry.phase = Phase::unsent;
      again.push_back(id);
    } else if (entry.phase == Phase::accepted && !entry.waiters.empty()) {
      entry.told = true;
      waits_.add(id);
      if (waits_.is_full(32, link_.welcome().max_message)) link_.send(waits_.finish());
    }
  }
  std::sort(again.begin(), again.end());
  unsent_.insert(unsent_.begin(), again.begin(), again.end());
  unanswered_ = 0;
  if (on_change_) on_change_(nullptr);
}

void ClientSession::flush() {
  if (!link_.is_up()) return;
  flush_submissions();
  if (!waits_.empty()) link_.send(waits_.finish());
  if (!leaves_.empty()) link_.send(leaves_.finish());
  if (!cancels_.empty()) link_.send(cancels_.finish());
  for (Frame& frame : outgoing_) link_.send(std::move(frame));
  outgoing_.clear();
}

void ClientSession::flush_submissions() {
  const std::size_t max = link_.welcome().max_message;
  Batch waited(message::Type::submit);
  Batch unwaited(message::Type::submit);
  while (!unsent_.empty() && unanswered_ < link_.welcome().grant) {
    const JobId id = unsent_.front();
    unsent_.pop_front();
    const auto found = entries_.find(id);
    if (found == entries_.end() || found->second.phase != Phase::unsent) continue;
    Entry& entry = found->second;
    entry.phase = Phase::unanswered;
    entry.told = !entry.waiters.empty();
    ++unanswered_;
    Batch& batch = entry.told ? waited : unwaited;
    if (batch.is_full(entry.submission.size(), max)) link_.send(batch.finish(entry.told ? 1 : 0));
    batch.add_encoded(entry.submission);
  }
  if (!waited.empty()) link_.send(waited.finish(1));
  if (!unwaited.empty()) link_.send(unwaited.finish(0));
}

void ClientSession::handle(const message::Message& message) {
  if (const auto* accepted = std::get_if<message::Accepted>(&message)) {
    handle_accepted(*accepted);
  } else if (const auto* done = std::get_if<message::Done>(&message)) {
    handle_done(*done);
  } else if (const auto* refused = std::get_if<message::Refused>(&message)) {
    handle_refused(*refused);
  } else if (const auto* unknown = std::get_if<message::Unknown>(&message)) {
    for (const JobId& id : unknown->ids) {
      const auto found = entries_.find(id);
      if (found == entries_.end()) continue;
      finish(found, fail(ErrorCode::unknown_job, "the broker does not know job " + id.to_string() +
                                                     ": it was never submitted, was forgotten, or was lost with a "
                                                     "broker that keeps jobs in memory"));
    }
  } else if (const auto* answer = std::get_if<message::Answer>(&message)) {
    const auto found = queries_.find(answer->number);
    if (found == queries_.end()) return;
    const OnAnswer handler = std::move(found->second);
    queries_.erase(found);
    handler(std::string(answer->value));
  }
}

void ClientSession::handle_accepted(const message::Accepted& accepted) {
  for (const JobId& id : accepted.ids) {
    const auto found = entries_.find(id);
    if (found == entries_.end() || found->second.phase != Phase::unanswered) continue;
    Entry& entry = found->second;
    --unanswered_;
    entry.phase = Phase::accepted;
    entry.submission = {};
    const OnAccepted handler = std::move(entry.accepted);
    entry.accepted = nullptr;
    if (entry.waiters.empty()) {
      if (entry.told) leaves_.add(id);
      entries_.erase(found);
    } else if (!entry.told) {
      entry.told = true;
      waits_.add(id);
    }
    if (handler) handler({});
  }
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

// Takes the entry out first: its handlers may call back into the session.
void ClientSession::finish(Entries::iterator found, const Result<Outcome>& outcome) {
  Entry entry = std::move(found->second);
  entries_.erase(found);
  if (entry.phase == Phase::unanswered) --unanswered_;
  if (entry.accepted) {
    entry.accepted(outcome ? Result<void>() : Result<void>(tl::make_unexpected(outcome.error())));
  }
  for (const Waiter& waiter : entry.waiters) waiter.handler(outcome);
}

void ClientSession::fail_queries(const Error& why) {
  const auto queries = std::exchange(queries_, {});
  for (const auto& [number, handler] : queries) handler(tl::make_unexpected(why));
  outgoing_.clear();
}

}  // namespace zebu
