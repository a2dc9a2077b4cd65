#include "broker/engine/engine.h"

#include <algorithm>

namespace zebu::broker {

Engine::Engine(const EngineOptions& options)
    : options_(options),
      jobs_([this](Line& line) { line_gone(line); }, options.metric_series),
      peers_(options),
      backlog_(jobs_, batches_, options),
      judge_(options) {}

Engine::~Engine() {
  orphans_.clear();
  unclaimed_.clear();
}

void Engine::restore(const Recovered& recovered, Moment now) {
  last_ = now;
  jobs_.restore_counts(recovered);
  jobs_.set_clock_ahead(recovered.clock_ahead);
  for (const StoredJob& stored : recovered.jobs) {
    Job& job = jobs_.add_stored(stored);
    if (job.state == JobState::running) {
      job.is_start_recorded = true;
      JobTable::link(job, orphans_, Place::running);
    } else {
      jobs_.link(job);
    }
  }
  bool has_scheduled = false;
  for (const auto& [name, queue] : jobs_.queues()) {
    has_scheduled = has_scheduled || queue->scheduled > 0;
    if (queue->settings.purge_up_to) is_purging_ = true;
  }
  backlog_.restore(recovered.lines, has_scheduled);
  // A broker before this one may not have come to the end of it.
  is_following_wall_ = has_scheduled && recovered.clock_ahead.count() != 0;
  if (has_to_sweep()) backlog_.sweep({});
  claims_.restored_below(jobs_.next_sequence());
  peers_.expect(recovered.consumers, !orphans_.empty(), now.steady);
}

BatchNumber Engine::seal() {
  timed_in_batch_ = 0;
  room_.seal();
  for (Consumer* consumer : awaiting_receipts_) consumer->receipts.seal();
  return batches_.seal();
}

void Engine::committed(BatchNumber batch, const std::vector<Duplicate>& duplicates, Moment now, Effects& out) {
  last_ = now;
  batches_.settle(batch);
  for (const Duplicate& duplicate : duplicates) resolve(duplicate, out);
  while (!jobs_.fresh().empty() && batches_.is_settled(jobs_.fresh().front().batch)) {
    settle(jobs_.fresh().front(), out);
  }
  answer_early_claims(out);
  settle_receipts(out);
  std::erase_if(awaiting_known_, [&](Consumer* consumer) {
    if (!batches_.is_settled(consumer->known_with)) return false;
    dispatch_.set_known(*consumer->seat);
    return true;
  });
  failed_jobs_.settle([&](BatchNumber each) { return batches_.is_settled(each); });
  backlog_.settled();
}

void Engine::store_has_room(std::optional<std::uint64_t> bytes, bool is_low) {
  const bool was_low = room_.is_low();
  room_.measured(bytes, is_low);
  if (was_low == is_low) return;
  for (const auto& [name, queue] : jobs_.queues()) {
    for (const auto& [key, line] : queue->lines) jobs_.touch(*line);
  }
}

std::string_view Engine::name_of(SessionId session) const {
  const Session* found = peers_.find(session);
  return found == nullptr ? std::string_view() : std::string_view(found->name);
}

std::vector<std::string> Engine::unserved_tasks(const Queue& queue, std::size_t most) const {
  // Of a queue with very many lines only the first are looked at.
  constexpr std::size_t kMaxLines = 1000;
  std::vector<std::string> tasks;
  std::size_t looked_at = 0;
  for (const auto& [key, line] : queue.lines) {
    if (tasks.size() >= most || looked_at++ == kMaxLines) break;
    const bool is_served = line->route != nullptr && Dispatch::is_served(*line->route);
    if (is_served || line->is_idle() || (!tasks.empty() && tasks.back() == line->name().task)) continue;
    tasks.push_back(line->name().task);
  }
  return tasks;
}

// ── changes for Dispatch ────────────────────────────────────────────────────────────────────────────────────────────

void Engine::line_gone(Line& line) {
  backlog_.hold(line, false);
  if (line.route != nullptr) dispatch_.remove(*line.route);
}

void Engine::changed(Consumer& consumer) {
  if (!std::exchange(consumer.is_touched, true)) changed_.push_back(&consumer);
}

void Engine::show_changes() {
  while (Line* line = jobs_.take_touched()) show(*line);
  for (Consumer* consumer : changed_) {
    consumer->is_touched = false;
    if (!consumer->suspects.empty()) show_suspects(*consumer);
    dispatch_.set_poor(*consumer->seat, is_behind(*consumer) || consumer->draining || consumer->is_cut_off);
    dispatch_.set(*consumer->seat,
                  static_cast<std::int64_t>(consumer->slots) - static_cast<std::int64_t>(consumer->running.size()),
                  credit_shown(*consumer));
  }
  changed_.clear();
}

bool Engine::is_behind(const Consumer& consumer) {
  if (!consumer.health.is_poor()) return false;
  const auto has_others = [](const Queue* queue) { return queue->well > 0; };
  return std::any_of(consumer.queues.begin(), consumer.queues.end(), has_others);
}

// A poor consumer gets a job now and then, to see whether it does better, while others do better.
std::uint32_t Engine::credit_shown(const Consumer& consumer) const {
  if (!is_behind(consumer)) return consumer.credit;
  return consumer.credit > 0 && consumer.running.empty() && consumer.health.tries_at() <= last_.steady ? 1 : 0;
}

// Counts it among its queues' consumers that do well, or not. Where none is left that does, the poor ones get as much
// as others.
void Engine::judge_health(Consumer& consumer) {
  const bool is_well = !consumer.health.is_poor() && !consumer.draining && !consumer.is_cut_off;
  if (std::exchange(consumer.is_well, is_well) == is_well) return;
  bool is_turn = false;
  for (Queue* queue : consumer.queues) {
    is_well ? ++queue->well : --queue->well;
    is_turn = is_turn || queue->well <= 1;
  }
  changed(consumer);
  if (!is_turn) return;
  for (const auto& [time, session] : poor_) changed(this->consumer(session));
}

void Engine::ended_well(Consumer& consumer, bool is_well) {
  Health& health = consumer.health;
  if (health.is_poor()) poor_.erase({health.tries_at(), consumer.session});
  is_well ? health.succeeded() : health.failed(last_.steady);
  if (health.is_poor()) poor_.emplace(health.tries_at(), consumer.session);
  judge_health(consumer);
}

// Those whose pause is over.
void Engine::let_poor_try() {
  while (!poor_.empty() && poor_.begin()->first <= last_.steady) {
    changed(consumer(poor_.extract(poor_.begin()).value().second));
  }
}

void Engine::show_suspects(Consumer& consumer) {
  std::erase_if(consumer.suspects, [&](const JobId& id) {
    const Job* job = jobs_.find(id);
    return job == nullptr || !job->is_suspect() || job->session != consumer.session;
  });
  dispatch_.set_has_suspect(*consumer.seat, !consumer.suspects.empty());
}

void Engine::show(Line& line) {
  if (line.route == nullptr) {
    line.route = &dispatch_.add_line(line.name(), &line);
    backlog_.hold(line, line.queue().settings.is_paused || !Dispatch::is_served(*line.route));
  }
  const Job* next = line.queue().settings.is_paused ? nullptr : line.next();
  // Of many that expire together, this one's turn has not come yet. Other lines do not wait for that.
  if (next != nullptr && has_expired(*next)) next = nullptr;
  if (next != nullptr && room_.is_low() && !next->is_transient()) next = nullptr;
  std::optional<Dispatch::Head> head;
  if (next != nullptr) head = {line_key(*next->spec), !next->is_transient(), next->failed_on(), next->is_suspect()};
  dispatch_.set_head(*line.route, head);
  if (line.window.edge) backlog_.note(line);
}

// Which of the queue's lines are held may have changed.
void Engine::hold_lines(Queue& queue) {
  for (const auto& [key, line] : queue.lines) {
    if (line->route != nullptr) backlog_.hold(*line, queue.settings.is_paused || !Dispatch::is_served(*line->route));
  }
}

}  // namespace zebu::broker
