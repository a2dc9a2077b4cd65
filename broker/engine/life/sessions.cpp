#include "broker/engine/engine.h"
#include "broker/engine/wording.h"

#include <algorithm>

// Sessions begin and end, and consumers come back.
namespace zebu::broker {
namespace {

// When a peer that found the broker full may try again.
constexpr std::chrono::milliseconds kHelloAgainAfter{1000};

}  // namespace

void Engine::hello(SessionId id, const message::Hello& hello, Moment now, Effects& out) {
  const std::optional<SessionId> old = peers_.session_of(hello.instance);
  if (!old && peers_.is_full()) {
    message::About hello_again;
    hello_again.type = static_cast<std::uint8_t>(message::Type::hello);
    hello_again.retry_after = kHelloAgainAfter;
    out.errors.push_back(
        {id,
         {{ErrorCode::too_many_peers,
           "the broker has " + std::to_string(options_.max_peers) + " peers: close some, or raise --max-peers",
           {}},
          std::move(hello_again)}});
    out.ended.push_back(id);
    return;
  }
  Session& session = peers_.add(id, hello, now.steady);
  if (hello.role == message::Role::consumer) {
    add_consumer(session, hello, out);
    const Session* before = old ? peers_.find(*old) : nullptr;
    become_known(session, hello, before == nullptr ? nullptr : before->consumer.get(), out);
    for (const AttemptId& run : hello.consumer.runs) claim(session, run, out);
  } else {
    waiters_.session_began(id);
  }
  // After the claims: what the older session held and this one did not name is lost on the way, and goes back.
  if (old) {
    if (const Session* before = peers_.find(*old)) session.is_to_drain = before->is_to_drain;
    message::About about;
    about.type = static_cast<std::uint8_t>(message::Type::hello);
    out.errors.push_back({*old,
                          {{ErrorCode::replaced,
                            "another session of this instance has begun: each process needs an instance of its own, "
                            "also one that was forked",
                            {}},
                           std::move(about)}});
    end_session(*old, End::replaced, out);
  }
  tell_joined(session, hello, out);
  welcome(session, out);
}

void Engine::tell_joined(const Session& session, const message::Hello& hello, Effects& out) const {
  tell_of(session, Effects::PeerNews::What::joined, hello.consumer.runs.size(), out);
  if (!session.consumer) return;
  Effects::PeerNews& news = out.peer_news.back();
  news.pool = session.consumer->pool;
  news.slots = session.consumer->slots;
  for (const Queue* queue : session.consumer->queues) news.queues += (news.queues.empty() ? "" : ",") + queue->name;
}

void Engine::tell_of(const Session& session, Effects::PeerNews::What what, std::size_t jobs, Effects& out) const {
  out.peer_news.push_back({what, session.role, session.name, session.instance, jobs});
}

void Engine::welcome(Session& session, Effects& out) {
  if (session.open_claims > 0 || std::exchange(session.is_welcomed, true)) return;
  peers_.came(session.instance);
  out.welcomed.push_back(session.id);
  for (const AttemptId& attempt : std::exchange(session.stops, {})) out.stopped.push_back({session.id, attempt});
  if (session.is_to_drain) out.draining.push_back(session.id);
}

void Engine::stop(const Job& job, std::optional<BatchNumber> batch, Effects& out) {
  if (job.session) stop(*job.session, {job.spec->id, job.uses.attempt}, batch, out);
}

void Engine::stop(SessionId id, const AttemptId& attempt, std::optional<BatchNumber> batch, Effects& out) {
  Session* session = peers_.find(id);
  if (session == nullptr) return;
  if (session->is_welcomed) {
    out.stopped.push_back({id, attempt, batch});
  } else {
    session->stops.push_back(attempt);
  }
}

// ── consumers ───────────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::add_consumer(Session& session, const message::Hello& hello, Effects& out) {
  session.consumer = std::make_unique<Consumer>();
  Consumer& consumer = *session.consumer;
  consumer.session = session.id;
  consumer.instance = session.instance;
  consumer.name = std::make_shared<const std::string>(session.name);
  consumer.slots = hello.consumer.slots;
  consumer.pool = hello.consumer.pool;
  consumer.tasks.assign(hello.consumer.tasks.begin(), hello.consumer.tasks.end());
  std::sort(consumer.tasks.begin(), consumer.tasks.end());
  consumer.tasks.erase(std::unique(consumer.tasks.begin(), consumer.tasks.end()), consumer.tasks.end());
  std::vector<std::string> names;
  for (const std::string_view name : hello.consumer.queues) {
    if (!jobs_.find_queue(name) && jobs_.queues().size() >= options_.max_queues) {
      out.errors.push_back({session.id,
                            {{ErrorCode::too_many_queues,
                              "queue " + in_quotes(name) + " is not served: the broker has " +
                                  std::to_string(options_.max_queues) + " queues; raise --max-queues",
                              {}},
                             {}}});
      continue;
    }
    Queue& queue = jobs_.queue(name);
    if (std::find(consumer.queues.begin(), consumer.queues.end(), &queue) != consumer.queues.end()) continue;
    consumer.queues.push_back(&queue);
    names.push_back(queue.name);
    ++queue.consumers;
    for (const std::string& task : consumer.tasks) ++queue.tasks[task];
  }
  show_changes();  // lines that Dispatch has not heard of
  consumer.seat = &dispatch_.add_consumer(session.id, std::move(names), consumer.tasks);
  for (Queue* queue : consumer.queues) hold_lines(*queue);
  judge_health(consumer);
}

// A restarted broker waits for consumers that the store knows of, and durable jobs go to no other.
void Engine::become_known(Session& session, const message::Hello& hello, const Consumer* before, Effects& out) {
  Consumer& consumer = *session.consumer;
  if (before != nullptr) {
    consumer.is_late = before->is_late;
    consumer.health = before->health;
    if (consumer.health.is_poor()) poor_.emplace(consumer.health.tries_at(), consumer.session);
    judge_health(consumer);
    consumer.known_with = before->known_with;
  } else {
    consumer.is_late = peers_.is_late(hello);
    write(ConsumerChanged{hello.instance, true, consumer.is_late}, out);
    consumer.known_with = batches_.open();
  }
  if (batches_.is_settled(consumer.known_with)) {
    dispatch_.set_known(*consumer.seat);
  } else {
    awaiting_known_.push_back(&consumer);
  }
}

void Engine::remove_consumer(Consumer& gone) {
  gone.draining = true;
  judge_health(gone);
  if (gone.health.is_poor()) poor_.erase({gone.health.tries_at(), gone.session});
  std::erase(changed_, &gone);
  std::erase(awaiting_known_, &gone);
  std::erase(awaiting_receipts_, &gone);
  dispatch_.remove(*gone.seat);
  for (Queue* queue : gone.queues) {
    --queue->consumers;
    for (const std::string& task : gone.tasks) {
      const auto found = queue->tasks.find(task);
      if (--found->second == 0) queue->tasks.erase(found);
    }
    hold_lines(*queue);
    jobs_.release_if_idle(*queue);
  }
}

void Engine::tell_kept(const Consumer& consumer, const std::optional<Receipts::Kept>& kept, Effects& out) {
  if (kept) out.kept.push_back({consumer.session, kept->count, kept->in_parts, kept->at_once});
}

void Engine::settle_receipts(Effects& out) {
  std::erase_if(awaiting_receipts_, [&](Consumer* consumer) {
    tell_kept(*consumer, consumer->receipts.settled(batches_, consumer->draining), out);
    consumer->awaits_receipts = consumer->receipts.is_waiting();
    return !consumer->awaits_receipts;
  });
}

// ── claims ──────────────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::claim(Session& session, const AttemptId& run, Effects& out) {
  Job* job = jobs_.find(run.job);
  if (job != nullptr && job->place == Place::fresh) {
    // Its producer came back first and submitted it once more. The store will say whether it has it.
    ++session.open_claims;
    claims_.too_early({session.id, run});
  } else if (job != nullptr) {
    claim(session, run, *job, out);
  } else {
    ++session.open_claims;
    claims_.asked();
    backlog_.look_up(run.job, Claim{session.id, run}, out.reads);
  }
}

void Engine::claim(Session& session, const AttemptId& run, Job& job, Effects& out) {
  Consumer& consumer = *session.consumer;
  if (!claims_.may_keep(job, {session.instance, consumer.is_late}, run.attempt)) {
    return refuse({session.id, run}, out);
  }
  if (job.state == JobState::running) {
    if (job.session == session.id) return;  // named twice
    leave_consumer(job);
    jobs_.put_back(job);  // from the older session, or from those that wait for their holders
  }
  const AttemptRecord* lost = find(job.attempts(), run.attempt);
  const bool is_newest = job.has_started && job.uses.attempt == run.attempt;
  if (lost != nullptr) {
    job.started = lost->started;
  } else if (!is_newest) {
    job.started = last_.wall;  // nobody here knows when it was assigned
  }
  job.uses.attempt = run.attempt;
  job.session = session.id;
  job.holder = session.instance;
  job.consumer = consumer.name;
  job.has_started = true;
  const bool was_charged = lost != nullptr && lost->end == AttemptEnd::lost && job.uses.losses > 0;
  if (was_charged) --job.uses.losses;
  if (job.extras) {
    job.extras->attempts = without(job.extras->attempts, run.attempt);  // it was not lost
    if (job.extras->suspected_since == run.attempt) job.extras->suspected_since = 0;
  }
  job.is_start_recorded = false;
  jobs_.start(job, consumer.running);
  if (job.is_suspect()) watch_suspect(job, consumer);
  changed(consumer);
  record_start(job, out, was_charged);
  set_limit(job);
  if (job.cancel_asked) stop(session.id, run, 0, out);
}

void Engine::answer_early_claims(Effects& out) {
  for (const Claim& early : claims_.take_early()) {
    Session* session = peers_.find(early.session);
    if (session == nullptr) continue;
    --session->open_claims;
    claim(*session, early.run, out);
    welcome(*session, out);
  }
}

void Engine::refuse(const Claim& claim, Effects& out) {
  claims_.refuse(claim);
  stop(claim.session, claim.run, 0, out);
}

// ── ends ────────────────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::end_session(SessionId id, End how, Effects& out) {
  Session* session = peers_.find(id);
  if (session == nullptr) return;
  using What = Effects::PeerNews::What;
  tell_of(*session, how == End::lost ? What::lost : how == End::replaced ? What::replaced : What::left, 0, out);
  if (how == End::lost) {
    out.peer_news.back().silent = std::chrono::floor<std::chrono::milliseconds>(last_.steady - session->last_heard);
  }
  if (session->consumer) {
    std::vector<Job*> held;
    for (Job& job : session->consumer->running) held.push_back(&job);
    out.peer_news.back().jobs = held.size();
    if (how == End::lost && !held.empty()) out.peer_news.back().suspect = held.front()->spec->id;
    lose_all(held, how, last_.wall - std::chrono::floor<std::chrono::milliseconds>(last_.steady - session->last_heard),
             out);
    claims_.session_ended(id);
    remove_consumer(*session->consumer);
    if (how != End::replaced) write(ConsumerChanged{session->instance, false}, out);
    if (how == End::lost) peers_.lost(session->instance, session->consumer->is_late);
  }
  waiters_.session_ended(id);
  peers_.remove(id);
  out.ended.push_back(id);
}

void Engine::listened(message::Role role, Moment now) {
  if (peers_.listened(role, now.steady)) limits_from_ = now.steady + options_.liveness;
}

void Engine::heard(SessionId session, Moment now) {
  last_ = now;
  peers_.heard(session, now.steady);
}

void Engine::set_behind(SessionId id, bool is_behind, Moment now) {
  Session* session = peers_.find(id);
  if (session == nullptr || !session->consumer || session->consumer->is_behind == is_behind) return;
  session->consumer->is_behind = is_behind;
  if (!is_behind) session->consumer->caught_up = now.wall;
}

void Engine::set_sending(SessionId id, bool is_sending) {
  Session* session = peers_.find(id);
  if (session != nullptr && session->consumer) session->consumer->is_sending = is_sending;
}

void Engine::bye(SessionId session, Effects& out) { end_session(session, End::said_bye, out); }

void Engine::cut_off(SessionId id, Effects& out) {
  Session* session = peers_.find(id);
  if (session == nullptr) return;
  if (!session->consumer) return end_session(id, End::lost, out);
  if (!std::exchange(session->consumer->is_cut_off, true)) {
    tell_of(*session, Effects::PeerNews::What::cut_off, session->consumer->running.size(), out);
  }
  session->consumer->credit = 0;
  judge_health(*session->consumer);
  changed(*session->consumer);
}

void Engine::gone(SessionId session, Effects& out) {
  if (const Session* lost = peers_.find(session)) {
    ++totals_.lost_sessions;
    if (lost->consumer) ++totals_.lost_consumers;
  }
  end_session(session, End::lost, out);
}

void Engine::check_liveness(Moment now, Effects& out) {
  const auto beat = peers_.beat(now.steady);
  if (!beat) return;
  for (const SessionId id : beat->present) out.beats.push_back(id);
  for (const SessionId id : beat->silent) gone(id, out);
}

}  // namespace zebu::broker
