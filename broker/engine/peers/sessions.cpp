#include "broker/engine/engine.h"
#include "broker/engine/wording.h"

#include <algorithm>

// Peers: their coming, their going, and what a consumer that comes back keeps.
namespace zebu::broker {

void Engine::hello(SessionId id, const message::Hello& hello, Moment now, Effects& out) {
  const auto older = instances_.find(hello.instance);
  const SessionId old = older == instances_.end() ? 0 : older->second;
  if (old == 0 && sessions_.size() >= options_.max_peers) {
    out.errors.push_back(
        {id,
         {ErrorCode::too_many_peers,
          "the broker has " + std::to_string(options_.max_peers) + " peers: close some, or raise --max-peers",
          {}}});
    out.ended.push_back(id);
    return;
  }
  Session& session = sessions_[id];
  session.id = id;
  session.role = hello.role;
  session.name = hello.name;
  session.instance = hello.instance;
  session.last_heard = now.steady;
  instances_[hello.instance] = id;
  if (!next_beat_) next_beat_ = now.steady + options_.beat();
  if (hello.role == message::Role::consumer) {
    add_consumer(session, hello, out);
    if (old == 0) {
      session.consumer->is_late = is_late(hello);
      write(ConsumerChanged{hello.instance, true, session.consumer->is_late}, out);
      session.consumer->known_with = open_;
    } else if (const auto& older_consumer = sessions_.at(old).consumer) {
      session.consumer->is_late = older_consumer->is_late;
      session.consumer->known_with = older_consumer->known_with;
    }
    for (const AttemptId& run : hello.consumer.runs) claim(session, run, out);
  }
  // After the claims: what the older session held and this one did not name is lost on the way, and goes back.
  if (old != 0) end_session(old, End::replaced, out);
  welcome(session, out);
}

void Engine::welcome(Session& session, Effects& out) {
  if (session.open_claims > 0 || std::exchange(session.is_welcomed, true)) return;
  std::erase_if(expected_, [&](const KnownConsumer& known) { return known.instance == session.instance; });
  out.welcomed.push_back(session.id);
  for (const AttemptId& attempt : std::exchange(session.stops, {})) out.stopped.push_back({session.id, attempt});
  if (session.is_to_drain) out.draining.push_back(session.id);
}

void Engine::stop(SessionId id, const AttemptId& attempt, BatchNumber batch, Effects& out) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  if (found->second.is_welcomed) {
    out.stopped.push_back({id, attempt, batch});
  } else {
    found->second.stops.push_back(attempt);
  }
}

// Of attempts that it got from this broker, or from one before that this broker waited for, every one is known.
bool Engine::is_late(const message::Hello& hello) {
  for (const KnownConsumer& known : expected_) {
    if (known.instance == hello.instance) return known.is_late;
  }
  if (const auto lost = lost_.extract(hello.instance)) return lost.mapped();
  return !hello.consumer.runs.empty();
}

void Engine::add_consumer(Session& session, const message::Hello& hello, Effects& out) {
  session.consumer = std::make_unique<Consumer>();
  Consumer& consumer = *session.consumer;
  consumer.session = session.id;
  consumer.slots = hello.consumer.slots;
  consumer.pool = hello.consumer.pool;
  consumer.tasks.assign(hello.consumer.tasks.begin(), hello.consumer.tasks.end());
  std::sort(consumer.tasks.begin(), consumer.tasks.end());
  consumer.tasks.erase(std::unique(consumer.tasks.begin(), consumer.tasks.end()), consumer.tasks.end());
  for (const std::string_view name : hello.consumer.queues) {
    if (!jobs_.find_queue(name) && jobs_.queues().size() >= options_.max_queues) {
      out.errors.push_back({session.id,
                            {ErrorCode::too_many_queues,
                             "queue " + in_quotes(name) + " is not served: the broker has " +
                                 std::to_string(options_.max_queues) + " queues; raise --max-queues",
                             {}}});
      continue;
    }
    Queue& queue = jobs_.queue(name);
    if (std::find(consumer.queues.begin(), consumer.queues.end(), &queue) != consumer.queues.end()) continue;
    consumer.queues.push_back(&queue);
    queue.consumers.push_back(&consumer);
    for (const std::string& task : consumer.tasks) ++queue.tasks[task];
  }
  consumers_.push_back(&consumer);
}

void Engine::claim(Session& session, const AttemptId& run, Effects& out) {
  Job* job = jobs_.find(run.job);
  if (job != nullptr && job->place == Place::fresh) {
    // Its producer came back first and submitted it once more. The store will say whether it has it.
    ++session.open_claims;
    early_claims_.push_back({session.id, run});
  } else if (job != nullptr) {
    claim(session, run, *job, out);
  } else {
    ++session.open_claims;
    ++claims_asked_;
    ask_for(run.job, ClaimFor{session.id, run}, out);
  }
}

// A consumer came back and says that it holds this attempt. It does when the job was not given to anybody else since:
// the attempt is the newest that we know of, and was given to this consumer; or it is newer than that, because we were
// restarted before its start was recorded, and it is not late. Of jobs that came since, we know every attempt: one that
// we do not know is of an earlier job with the same id.
void Engine::claim(Session& session, const AttemptId& run, Job& job, Effects& out) {
  const bool is_waiting_or_running = job.state == JobState::queued || job.state == JobState::running;
  const bool is_known = job.holder == session.instance && job.uses.attempt == run.attempt;
  const bool is_newer = run.attempt > job.uses.attempt && job.spec->sequence < restored_below_ &&
                        !session.consumer->is_late && (job.state == JobState::queued || job.session == 0);
  const bool is_free = job.session == 0 || is_known;
  if (!is_waiting_or_running || job.place == Place::fresh || !is_free || !(is_known || is_newer)) {
    refuse(session.id, run, out);
    return;
  }
  if (job.state == JobState::running) {
    if (job.session == session.id) return;  // named twice
    jobs_.put_back(job);                    // from the older session, or from those that wait for their holders
  }
  job.uses.attempt = run.attempt;
  job.session = session.id;
  job.holder = session.instance;
  job.started = last_.wall;
  job.is_start_recorded = false;
  jobs_.start(job, session.consumer->running);
  record_start(job, out);
  set_limit(job);
  if (job.cancel_asked) stop(session.id, run, 0, out);
}

void Engine::refuse(SessionId session, const AttemptId& run, Effects& out) {
  strays_.emplace(run.job, ClaimFor{session, run});
  stop(session, run, 0, out);
}

// True when there is one.
bool Engine::skip_stray(Job& job) const {
  if (strays_.empty()) return false;
  const auto [first, last] = strays_.equal_range(job.spec->id);
  for (auto stray = first; stray != last; ++stray) {
    job.uses.attempt = std::max(job.uses.attempt, stray->second.run.attempt);
  }
  return first != last;
}

void Engine::remove_consumer(Consumer& gone) {
  std::erase(consumers_, &gone);
  for (Queue* queue : gone.queues) {
    std::erase(queue->consumers, &gone);
    for (const std::string& task : gone.tasks) {
      const auto found = queue->tasks.find(task);
      if (--found->second == 0) queue->tasks.erase(found);
    }
    jobs_.release_if_idle(*queue);
  }
}

void Engine::end_session(SessionId id, End how, Effects& out) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  Session& session = found->second;
  if (session.consumer) {
    std::vector<Job*> held;
    for (Job& job : session.consumer->running) held.push_back(&job);
    for (Job* job : held) lose(*job, how, out);
    std::erase_if(strays_, [&](const auto& stray) { return stray.second.session == id; });
    remove_consumer(*session.consumer);
    if (how != End::replaced) write(ConsumerChanged{session.instance, false}, out);
    // As many as there may be peers; whoever is left out counts as late.
    if (how == End::lost && lost_.size() < options_.max_peers) {
      lost_.insert_or_assign(session.instance, session.consumer->is_late);
    }
  }
  const auto instance = instances_.find(session.instance);
  if (instance != instances_.end() && instance->second == id) instances_.erase(instance);
  sessions_.erase(found);
  out.ended.push_back(id);
}

void Engine::heard(SessionId session, Moment now) {
  last_ = now;
  const auto found = sessions_.find(session);
  if (found != sessions_.end()) found->second.last_heard = now.steady;
}

void Engine::bye(SessionId session, Effects& out) { end_session(session, End::said_bye, out); }

void Engine::gone(SessionId session, Effects& out) {
  if (sessions_.count(session) > 0) ++totals_.lost_sessions;
  end_session(session, End::lost, out);
}

void Engine::check_liveness(Moment now, Effects& out) {
  std::vector<SessionId> silent;
  for (const auto& [id, session] : sessions_) {
    if (now.steady - session.last_heard > options_.liveness) {
      silent.push_back(id);
    } else if (session.is_welcomed) {
      out.beats.push_back(id);
    }
  }
  for (const SessionId id : silent) gone(id, out);
  next_beat_.reset();
  if (!sessions_.empty()) next_beat_ = now.steady + options_.beat();
}

// After a restart: who has not come back by now is lost, and what it ran goes back.
void Engine::end_hold(Effects& out) {
  hold_until_.reset();
  if (!expected_.empty()) given_up_with_ = open_;
  for (const KnownConsumer& known : std::exchange(expected_, {})) {
    lost_.erase(known.instance);  // it was here, and left before it was known what it had
    write(ConsumerChanged{known.instance, false}, out);
  }
  std::vector<Job*> lost;
  for (Job& job : orphans_) lost.push_back(&job);
  for (Job* job : lost) lose(*job, End::lost, out);
}

}  // namespace zebu::broker
