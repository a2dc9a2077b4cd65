#include "broker/engine/engine.h"

#include <algorithm>

// What of the durable jobs is in memory: a window of each queue's line, and of the schedule. The rest is in the store
// only, and comes when the window has room.
namespace zebu::broker {
namespace {

constexpr std::size_t kWindowBytes = 64U << 20;
// All queues' windows together; each has at least the second.
constexpr std::size_t kAllWindows = 10;
constexpr std::size_t kSmallestWindow = 64;
// Scheduled jobs that one look for those to be purged takes.
constexpr std::size_t kSweepAtOnce = 1000;
// Transient jobs at the end of a line are stepped over for so long.
constexpr int kMaxSteps = 1000;

}  // namespace

std::size_t Engine::window_of_a_queue() const {
  const std::size_t queues = std::max<std::size_t>(jobs_.queues().size(), 1);
  const std::size_t least = std::min<std::size_t>(kSmallestWindow, options_.window);
  return std::clamp<std::size_t>(kAllWindows * options_.window / queues, least, options_.window);
}

// A queued job that is linked nowhere finds its place.
void Engine::enter_line(Job& job, Effects& out) {
  Queue& queue = *job.queue;
  if (!job.is_transient() && queue.window.is_beyond(job.line_key())) return evict(job, out);
  jobs_.link(job);
  if (!job.is_transient()) shrink(queue, out);
}

// The store has every scheduled job in its schedule: one that leaves memory needs no record.
void Engine::enter_schedule(Job& job) {
  auto& window = jobs_.schedule_window;
  if (!job.is_transient() && window.is_beyond(job.schedule_key())) {
    window.leave(job.schedule_key());
    return leave_memory(job);
  }
  jobs_.link(job);
  for (int steps = 0; window.jobs > options_.window || window.bytes > kWindowBytes; ++steps) {
    auto last = jobs_.schedule().rbegin();
    while (last != jobs_.schedule().rend() && last->is_transient() && steps++ < kMaxSteps) ++last;
    if (last == jobs_.schedule().rend() || last->is_transient() || window.jobs == 1) return;
    window.leave(last->schedule_key());
    leave_memory(*last);
  }
}

void Engine::shrink(Queue& queue, Effects& out) {
  auto& window = queue.window;
  const std::size_t most = window_of_a_queue();
  for (int steps = 0; window.jobs > most || window.bytes > kWindowBytes; ++steps) {
    auto last = queue.line.rbegin();
    while (last != queue.line.rend() && last->is_transient() && steps++ < kMaxSteps) ++last;
    if (last == queue.line.rend() || last->is_transient() || window.jobs == 1) return;
    evict(*last, out);
  }
}

void Engine::leave_line(Queue& queue, const LineKey& key) {
  queue.window.leave(key);
  note_edge(queue);
}

void Engine::note_edge(Queue& queue) {
  if (!std::exchange(queue.is_paged, true)) paged_.insert(queue.name);
}

void Engine::evict(Job& job, Effects& out) {
  leave_line(*job.queue, job.line_key());
  record(job, JobEvicted{job.spec}, out);
  leave_memory(job);
}

void Engine::leave_memory(Job& job) {
  if (job.batch > settled_) just_left_[job.spec->id] = job.batch;
  if (!job.waiters.empty()) absent_waiters_[job.spec->id] = std::move(job.waiters);
  jobs_.drop(job);
}

namespace {

// Half a window at the least: what is too much then is evicted.
template <class Key, class Ask>
void ask_for_more(Window<Key>& window, std::size_t most, Ask ask) {
  window.is_loading = true;
  window.missed.reset();
  const auto room = [](std::size_t whole, std::size_t taken) { return whole - std::min(taken, whole / 2); };
  ask(*window.edge, room(most, window.jobs), room(kWindowBytes, window.bytes));
}

}  // namespace

// ── loading ─────────────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::page(Effects& out) {
  page_lines(out);
  if (sweep_ && !std::exchange(is_sweeping_, true)) {
    out.reads.emplace_back(LoadScheduled{*sweep_, kSweepAtOnce, kWindowBytes, true});
  }
  auto& window = jobs_.schedule_window;
  if (!window.edge || window.is_loading) return;
  if (window.jobs > options_.window / 2 || window.bytes > kWindowBytes / 2) return;
  ask_for_more(window, options_.window, [&](auto... asked) { out.reads.emplace_back(LoadScheduled{asked...}); });
}

// Of many queues those few are looked at whose jobs are not all in memory.
void Engine::page_lines(Effects& out) {
  const std::size_t most = window_of_a_queue();
  for (auto next = paged_.begin(); next != paged_.end();) {
    const auto name = next++;
    Queue* queue = jobs_.find_queue(*name);
    if (queue == nullptr || (!queue->window.edge && !queue->window.is_loading)) {
      if (queue != nullptr) queue->is_paged = false;
      paged_.erase(name);
      continue;
    }
    auto& window = queue->window;
    if (window.is_loading) continue;
    // After a restart what is in memory may all lie behind what is not.
    const bool is_first_missing = queue->line.empty() || window.is_beyond(queue->line.begin()->line_key());
    if (!is_first_missing && (window.jobs > most / 2 || window.bytes > kWindowBytes / 2)) continue;
    ask_for_more(window, most, [&](auto... asked) { out.reads.emplace_back(LoadQueued{{*name, {}, {}}, asked...}); });
  }
}

namespace {

// Where the store goes on after a load: behind the last one that came, or at what the load could not see.
template <class Key, class Loaded, class KeyOf>
void move_edge(Window<Key>& window, const Loaded& loaded, KeyOf key_of) {
  std::size_t bytes = 0;
  for (const StoredJob& stored : loaded.jobs) bytes += stored.spec->size();
  window.is_loading = false;
  window.edge.reset();
  if (loaded.jobs.size() >= loaded.asked.limit || bytes >= loaded.asked.bytes) {
    window.edge = key_of(loaded.jobs.back());
    ++window.edge->sequence;
  }
  if (window.missed && (!window.edge || *window.missed < *window.edge)) window.edge = window.missed;
  window.missed.reset();
}

}  // namespace

void Engine::loaded(const QueuedLoaded& loaded, Moment now, Effects& out) {
  Queue* queue = jobs_.find_queue(loaded.asked.line.queue);
  if (!queue) return;
  move_edge(queue->window, loaded, [](const StoredJob& stored) { return Job::line_key_of(*stored.spec); });
  for (const StoredJob& stored : loaded.jobs) page_in(stored, now, out);
  shrink(*queue, out);
  if (queue->settings.purge_up_to > 0) is_purging_ = true;
  jobs_.release_if_idle(*queue);
}

void Engine::loaded(const ScheduledLoaded& loaded, Moment now, Effects& out) {
  if (loaded.asked.to_purge) return swept(loaded, now, out);
  move_edge(jobs_.schedule_window, loaded, [](const StoredJob& stored) {
    return ScheduleKey{stored.due, stored.spec->sequence};
  });
  for (const StoredJob& stored : loaded.jobs) page_in(stored, now, out);
}

void Engine::page_in(const StoredJob& stored, Moment now, Effects& out) {
  if (const Job* known = jobs_.find(stored.spec->id)) {
    if (known->place != Place::fresh) return;  // it was in memory all the time
    // It was submitted once more. The store will say that it has it, and then there is one of it again.
    if (stored.state == JobState::scheduled) {
      jobs_.schedule_window.load_again({stored.due, stored.spec->sequence});
    } else {
      known->queue->window.load_again(Job::line_key_of(*stored.spec));
      note_edge(*known->queue);
    }
    return;
  }
  if (just_left_.contains(stored.spec->id)) return;  // it is somewhere else by now, and will come from there
  Job& job = bring_in(stored);
  if (job.state == JobState::scheduled && stored.spec->sequence <= job.queue->settings.purge_up_to) {
    return finish(job, Outcome{}, now, out);
  }
  jobs_.link(job);
}

void Engine::loaded(const ExpiredLoaded& loaded, Moment now, Effects& out) {
  is_checking_expiry_ = false;
  for (const StoredJob& stored : loaded.jobs) {
    if (jobs_.find(stored.spec->id) != nullptr) continue;  // its own deadline does it
    if (just_left_.contains(stored.spec->id)) continue;
    Outcome outcome;
    outcome.state = JobState::expired;
    finish(bring_in(stored), std::move(outcome), now, out);
  }
  if (loaded.jobs.size() == loaded.asked.limit && !std::exchange(is_checking_expiry_, true)) {
    out.reads.emplace_back(LoadExpired{now.wall, loaded.asked.limit});
  }
}

// A waiting job that was in the store only is in memory, linked nowhere.
Job& Engine::bring_in(const StoredJob& stored) {
  Job& job = jobs_.add_stored(stored);
  if (job.state == JobState::scheduled) {
    --jobs_.schedule_window.stored;
  } else {
    --job.queue->window.stored;
  }
  if (const auto absent = absent_waiters_.find(stored.spec->id); absent != absent_waiters_.end()) {
    job.waiters = std::move(absent->second);
    absent_waiters_.erase(absent);
  }
  return job;
}

// ── looking for one ─────────────────────────────────────────────────────────────────────────────────────────────────

void Engine::ask_for(const JobId& id, Wish wish, Effects& out) {
  auto& wishes = wishes_[id];
  wishes.push_back(std::move(wish));
  if (wishes.size() > 1) return;
  // One read takes all that are looked for in a round.
  Find* find = out.reads.empty() ? nullptr : std::get_if<Find>(&out.reads.back());
  if (find == nullptr || find->asker != 0) find = &std::get<Find>(out.reads.emplace_back(Find{}));
  find->ids.push_back(id);
}

void Engine::answered(const ReadAnswer& answer, Moment now, Effects& out) {
  last_ = now;
  if (const auto* queued = std::get_if<QueuedLoaded>(&answer)) return loaded(*queued, now, out);
  if (const auto* scheduled = std::get_if<ScheduledLoaded>(&answer)) return loaded(*scheduled, now, out);
  if (const auto* expired = std::get_if<ExpiredLoaded>(&answer)) return loaded(*expired, now, out);
  if (const auto* answers = std::get_if<Found>(&answer)) {
    for (std::size_t i = 0; i < answers->jobs.size(); ++i) found(answers->asked.ids[i], answers->jobs[i], now, out);
  } else if (const auto* forgotten = std::get_if<Forgotten>(&answer)) {
    is_forgetting_ = false;
    for (const Dropped& dropped : forgotten->jobs) {
      if (forgotten_.contains(dropped.id)) continue;  // that was said meanwhile
      retrying_.erase(dropped.id);
      jobs_.uncount(dropped.state, 1);
      if (Job* cached = jobs_.find(dropped.id); cached != nullptr && is_final(cached->state)) jobs_.forget(*cached);
      Queue* queue = jobs_.find_queue(dropped.queue);
      if (dropped.state != JobState::failed || queue == nullptr) continue;
      --queue->failed;
      jobs_.release_if_idle(*queue);
    }
    if (forgotten->jobs.size() == forgotten->asked.limit) {
      is_forgetting_ = true;
      out.reads.emplace_back(Forget{now.wall, forgotten->asked.limit});
    }
  }
}

void Engine::found(const JobId& id, const std::optional<StoredJob>& stored, Moment now, Effects& out) {
  const auto asked = wishes_.find(id);
  if (asked == wishes_.end()) return;
  const std::vector<Wish> wishes = std::move(asked->second);
  wishes_.erase(asked);
  const bool is_outdated = jobs_.find(id) == nullptr && just_left_.contains(id);
  for (const Wish& wish : wishes) is_outdated ? ask_for(id, wish, out) : fulfil(wish, id, stored, now, out);
}

void Engine::fulfil(const Wish& wish, const JobId& id, const std::optional<StoredJob>& stored, Moment now,
                    Effects& out) {
  const auto* wait = std::get_if<WaitFor>(&wish);
  const auto* claim_for = std::get_if<ClaimFor>(&wish);
  // It may have come into memory meanwhile; and who waits for a finished one is told from there.
  Job* job = jobs_.find(id);
  if (!job && stored && is_final(stored->state) && wait) job = &jobs_.add_finished(*stored);
  const bool is_waiting = stored && !is_final(stored->state);
  if (wait) {
    if (sessions_.count(wait->session) == 0) return;
    if (job) return add_waiter(*job, wait->session, out);
    if (!is_waiting) return out.unknown.push_back({wait->session, id});
    auto& waiters = absent_waiters_[id];
    if (std::find(waiters.begin(), waiters.end(), wait->session) == waiters.end()) waiters.push_back(wait->session);
  } else if (claim_for) {
    --claims_asked_;
    const auto session = sessions_.find(claim_for->session);
    if (session == sessions_.end()) return;
    --session->second.open_claims;
    if (!job && is_waiting) job = &bring_in(*stored);
    if (job && job->place == Place::fresh) {
      claim(session->second, claim_for->run, out);  // what the store has said is outdated
    } else if (job) {
      claim(session->second, claim_for->run, *job, out);
      if (job->place == Place::none) job->state == JobState::scheduled ? enter_schedule(*job) : enter_line(*job, out);
    } else {
      refuse(claim_for->session, claim_for->run, out);
    }
    welcome(session->second, out);
  } else {
    if (!job && is_waiting) job = &bring_in(*stored);
    if (job) cancel_one(*job, now, out);
  }
}

}  // namespace zebu::broker
