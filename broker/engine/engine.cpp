#include "broker/engine/engine.h"

namespace zebu::broker {

Engine::~Engine() {
  for (auto& [id, session] : sessions_) {
    if (session.consumer) session.consumer->running.clear();
  }
  orphans_.clear();
}

void Engine::restore(const Recovered& recovered, Moment now) {
  last_ = now;
  jobs_.restore_counts(recovered);
  for (const StoredJob& stored : recovered.jobs) {
    Job& job = jobs_.add_stored(stored);
    if (job.state == JobState::running) {
      job.is_start_recorded = true;
      JobTable::link(job, orphans_, Place::running);
    } else {
      jobs_.link(job);
    }
  }
  for (const auto& [name, queue] : jobs_.queues()) {
    queue->window.stored = queue->queued - queue->window.jobs;
    if (queue->window.stored > 0) {
      queue->window.edge = LineKey{};
      note_edge(*queue);
    }
    jobs_.schedule_window.stored += queue->scheduled;
    if (queue->settings.purge_up_to > 0) is_purging_ = true;
  }
  if (jobs_.schedule_window.stored > 0) {
    jobs_.schedule_window.edge = ScheduleKey{};
    if (has_to_sweep()) sweep_schedule({});
  }
  restored_below_ = jobs_.next_sequence();
  expected_ = recovered.consumers;
  if (!expected_.empty() || !orphans_.empty()) hold_until_ = now.steady + options_.liveness;
}

BatchNumber Engine::seal() {
  for (Consumer* consumer : consumers_) consumer->sealed_outcomes = consumer->outcomes;
  return open_++;
}

void Engine::committed(BatchNumber batch, const std::vector<Duplicate>& duplicates, Moment now, Effects& out) {
  last_ = now;
  settled_ = batch;
  for (const Duplicate& duplicate : duplicates) resolve(duplicate, out);
  while (!jobs_.fresh().empty() && jobs_.fresh().front().batch <= batch) settle(jobs_.fresh().front(), out);
  for (const ClaimFor& claim_for : std::exchange(early_claims_, {})) {
    const auto session = sessions_.find(claim_for.session);
    if (session == sessions_.end()) continue;
    --session->second.open_claims;
    claim(session->second, claim_for.run, out);
    welcome(session->second, out);
  }
  for (Consumer* consumer : consumers_) {
    if (consumer->outcomes_batch == 0) continue;
    const bool is_all = consumer->outcomes_batch <= batch;
    if (is_all) consumer->outcomes_batch = 0;
    confirm(*consumer, is_all ? consumer->outcomes : consumer->sealed_outcomes, out);
  }
  const auto is_settled = [&](const auto& entry) { return entry.second <= batch; };
  std::erase_if(forgotten_, is_settled);
  std::erase_if(just_left_, is_settled);
}

std::string_view Engine::name_of(SessionId session) const {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? std::string_view() : std::string_view(found->second.name);
}

}  // namespace zebu::broker
