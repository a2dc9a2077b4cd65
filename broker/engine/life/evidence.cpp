#include "broker/engine/engine.h"

#include <algorithm>

// What a lost consumer's jobs have to do with the loss, and what follows for them.
namespace zebu::broker {
namespace {

// How many liveness times a job that may run at most once waits for its lost consumer, before it is said to have
// failed.
constexpr int kClaimable = 3;

}  // namespace

// The jobs of one consumer, which was heard last at this time. With one suspect among them, that one is charged.
void Engine::lose_all(const std::vector<Job*>& jobs, End how, WallTime heard, Effects& out) {
  const Job* charged = jobs.size() == 1 ? jobs.front() : nullptr;
  const auto suspects = std::count_if(jobs.begin(), jobs.end(), [](const Job* job) { return job->is_suspect(); });
  if (suspects == 1)
    charged = *std::find_if(jobs.begin(), jobs.end(), [](const Job* job) { return job->is_suspect(); });
  if (how == End::lost) {
    for (Job* job : jobs) suspect(*job, heard);
  }
  for (Job* job : jobs) lose(*job, how, job == charged ? Blame::charged : Blame::suspect, out);
}

// It may have brought its consumer down by what it did until then.
void Engine::suspect(Job& job, WallTime heard) {
  JobExtras& extras = job.need_extras();
  if (extras.suspected_since == 0) extras.suspected_since = job.uses.attempt;
  const auto ran = std::max(heard - job.started, WallTime::duration(0)) + options_.beat();
  extras.suspected_until = std::max(extras.suspected_until, ran);
}

void Engine::watch_suspect(const Job& job, Consumer& consumer) {
  consumer.suspects.push_back(job.spec->id);
  suspects_.emplace(job.started + job.extras->suspected_until, AttemptId{job.spec->id, job.uses.attempt});
}

// Those that have done again whatever they did before a loss, and their consumers live.
void Engine::clear_suspects() {
  while (!suspects_.empty() && suspects_.begin()->first <= last_.wall) {
    const AttemptId attempt = suspects_.extract(suspects_.begin()).mapped();
    Job* job = jobs_.find(attempt.job);
    const bool runs = job != nullptr && job->is_suspect() && job->session && job->uses.attempt == attempt.attempt;
    if (!runs) continue;
    const Session& session = *peers_.find(*job->session);
    // What the broker knows of it is older: it has to be heard once more.
    const WallTime heard =
        last_.wall - std::chrono::floor<std::chrono::milliseconds>(last_.steady - session.last_heard);
    if (heard < job->started + job->extras->suspected_until) {
      suspects_.emplace(last_.wall + options_.beat(), attempt);
      continue;
    }
    job->extras->suspected_since = 0;
    changed(*session.consumer);
  }
}

// The consumer may come back and say how its attempt goes. Nobody else may have the job.
void Engine::await_claim(Job& job) {
  const TimePoint::duration until = peers_.listening(message::Role::consumer) + kClaimable * options_.liveness;
  claims_end_.push_back({{job.spec->id, job.uses.attempt}, until});
  jobs_.orphan(job, unclaimed_);
}

void Engine::give_up_claims(Effects& out) {
  while (!claims_end_.empty() && claims_end_.front().until <= peers_.listening(message::Role::consumer)) {
    const AttemptId attempt = claims_end_.front().attempt;
    claims_end_.pop_front();
    Job* job = jobs_.find(attempt.job);
    const bool is_unclaimed = job != nullptr && job->list == &unclaimed_ && job->uses.attempt == attempt.attempt;
    if (!is_unclaimed) continue;
    Counts::lost(job->queue->counts);
    follow(*job, judge_.lost(running(*job), End::lost, Blame::charged), AttemptEnd::lost, out);
  }
}

// After a restart: consumers that have not come back by now are lost, and what they ran goes back.
void Engine::end_wait(Effects& out) {
  const std::vector<KnownConsumer> missing = peers_.give_up();
  if (!missing.empty()) given_up_with_ = batches_.open();
  for (const KnownConsumer& known : missing) write(ConsumerChanged{known.instance, false}, out);
  std::map<InstanceId, std::vector<Job*>> lost;
  for (const KnownConsumer& known : missing) lost[known.instance];
  for (Job& job : orphans_) lost[*job.holder].push_back(&job);
  for (const auto& [holder, jobs] : lost) {
    out.peer_news.push_back({Effects::PeerNews::What::not_back, std::nullopt, "", holder, jobs.size()});
    if (!jobs.empty()) out.peer_news.back().suspect = jobs.front()->spec->id;
  }
  for (const auto& [holder, jobs] : lost) lose_all(jobs, End::lost, last_.wall, out);
}

}  // namespace zebu::broker
