#include "broker/server/retries.h"

#include "zebu/program/log.h"

namespace zebu::broker {

std::uint64_t Retries::begin(const PendingAnswers::Asker& asker, bool is_by_ids) {
  retries_.emplace(++last_, Retry{asker, is_by_ids});
  return last_;
}

void Retries::retry(const PendingAnswers::Asker& asker, std::vector<JobId> ids, Effects& out) {
  const std::uint64_t number = begin(asker, true);
  const auto page = [this, number](const Found& found, Moment now, Effects& effects) {
    Retry& retry = retries_.at(number);
    for (const auto& stored : found.jobs) {
      if (stored) static_cast<void>(retry_one(retry, *stored, now, effects));
    }
    pending_.tell(retry.asker, "retried", retry.count, retry.told, now.steady);
    return true;
  };
  if (!pending_.find(
          asker, {std::move(ids)}, page, [this, number] { end(number); }, out))
    retries_.erase(number);
}

void Retries::retry_all(const PendingAnswers::Asker& asker, ListFilter filter, Effects& out) {
  const std::uint64_t number = begin(asker, false);
  retries_.at(number).queue = filter.queue;
  retries_.at(number).task = filter.task;
  const auto each = [this, number](const StoredJob& failed, Moment now, Effects& effects) {
    return retry_one(retries_.at(number), failed, now, effects);
  };
  const auto at_end = [this, number](std::size_t) { end(number); };
  if (!pending_.walk(asker, std::move(filter), "retried", each, at_end, out)) retries_.erase(number);
}

bool Retries::retry_one(Retry& retry, const StoredJob& failed, Moment now, Effects& out) {
  const auto fresh = engine_.retry(failed, Uuid::make(), now, out);
  if (!fresh) return false;
  ++retry.count;
  if (retry.is_by_ids) retry.jobs.push_back({failed.spec->id, *fresh});
  if (!failed.spec->options.unique.empty()) retry.keyed.push_back(*fresh);
  return true;
}

void Retries::end(std::uint64_t number) {
  const auto batch = pending_.undurable();
  if (!batch) return answer(number);
  pending_.when_durable(*batch, [this, number](BatchNumber settled) { durable(number, settled); });
}

// Jobs with a unique key are known to be retried with that commit, and the failed ones are forgotten with the next.
void Retries::durable(std::uint64_t number, BatchNumber batch) {
  const bool has_keyed = !std::exchange(retries_.at(number).keyed, {}).empty();
  const BatchNumber newest = engine_.newest_batch();
  if (!has_keyed || newest <= batch) return answer(number);
  pending_.when_durable(newest, [this, number](BatchNumber) { answer(number); });
}

void Retries::answer(std::uint64_t number) {
  const Retry retry = std::move(retries_.extract(number).mapped());
  log_event(Event::jobs_retried,
            {{"queue", retry.queue},
             {"task", retry.task},
             {"by", engine_.name_of(retry.asker.session)},
             {"count", retry.count}},
            "{} failed jobs are retried", retry.count);
  pending_.answer(retry.asker, retry.is_by_ids ? retried_answer(retry.jobs) : count_answer("retried", retry.count));
}

void Retries::not_retried(const JobId& fresh) {
  for (auto& [number, retry] : retries_) {
    if (std::erase(retry.keyed, fresh) == 0) continue;
    --retry.count;
    std::erase_if(retry.jobs, [&](const RetriedJob& job) { return job.fresh == fresh; });
  }
}

}  // namespace zebu::broker
