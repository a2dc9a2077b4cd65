#include "broker/store/memory/store.h"

namespace zebu::broker {

Result<std::vector<Duplicate>> MemoryStore::commit(const std::vector<Record>& records) {
  for (const Record& record : records) {
    std::visit([this](const auto& r) { apply(r); }, record);
  }
  return std::exchange(duplicates_, {});
}

MemoryStore::Entry* MemoryStore::unfinished(const JobSpec& spec) {
  const auto found = jobs_.find(spec.id);
  if (found == jobs_.end() || is_final(found->second.job.state)) return nullptr;
  return found->second.job.spec->sequence == spec.sequence ? &found->second : nullptr;
}

// Every unfinished job is in one place: the schedule, its queue's line, or resident.
void MemoryStore::place(Entry& entry, bool in_line) {
  const JobSpec& spec = *entry.job.spec;
  const bool is_scheduled = entry.job.state == JobState::scheduled;
  entry.is_in_line = in_line && !is_scheduled;
  if (is_scheduled) {
    schedule_.emplace(ScheduleKey{entry.job.due, spec.sequence}, spec.id);
  } else if (in_line) {
    lines_[line_name(spec)].emplace(line_key(spec), spec.id);
  } else {
    resident_.emplace(spec.sequence, spec.id);
  }
  if (spec.expires && (is_scheduled || in_line)) expiring_.emplace(Expiring{*spec.expires, spec.sequence}, spec.id);
}

void MemoryStore::displace(Entry& entry) {
  const JobSpec& spec = *entry.job.spec;
  if (entry.job.state == JobState::scheduled) schedule_.erase({entry.job.due, spec.sequence});
  if (entry.is_in_line) {
    const auto line = lines_.find(line_name(spec));
    line->second.erase(line_key(spec));
    if (line->second.empty()) lines_.erase(line);
  }
  if (spec.expires) expiring_.erase({*spec.expires, spec.sequence});
  resident_.erase(spec.sequence);
  entry.is_in_line = false;
}

void MemoryStore::move(Entry& entry, JobState to) {
  count(entry, false);
  entry.job.state = to;
  count(entry, true);
}

void MemoryStore::count(const Entry& entry, bool is_entering) {
  const JobState state = entry.job.state;
  const auto add = [&](std::uint64_t& to, std::uint64_t amount) { is_entering ? to += amount : to -= amount; };
  add(counts_[static_cast<std::size_t>(state)], 1);
  StoredQueue& total = queues_[entry.job.spec->queue];
  if (state == JobState::failed) add(total.failed, 1);
  if (state != JobState::queued && state != JobState::scheduled) return;
  add(state == JobState::queued ? total.queued : total.scheduled, 1);
  add(total.bytes, entry.job.spec->size());
}

void MemoryStore::apply(const JobAccepted& record) {
  const JobSpec& spec = *record.spec;
  if (jobs_.contains(spec.id)) return duplicates_.push_back({record.spec, spec.id});
  if (!spec.options.unique.empty() && !claim_unique(spec, std::nullopt, spec.submitted)) {
    return duplicates_.push_back({record.spec, unique_.at(unique_name(spec)).id});
  }
  next_sequence_ = std::max(next_sequence_, spec.sequence + 1);
  Entry& entry = jobs_[spec.id];
  entry.job.spec = record.spec;
  if (spec.listed_at) listed_at_.emplace(std::pair(*spec.listed_at, spec.sequence), spec.id);
  entry.job.state = spec.due ? JobState::scheduled : JobState::queued;
  if (spec.due) entry.job.due = *spec.due;
  count(entry, true);
  place(entry, record.in_line);
}

void MemoryStore::apply(const JobEvicted& record) {
  Entry* entry = unfinished(*record.spec);
  if (entry == nullptr || entry->job.state != JobState::queued || entry->is_in_line) return;
  displace(*entry);
  place(*entry, true);
}

void MemoryStore::apply(const AttemptStarted& record) {
  Entry* entry = unfinished(*record.spec);
  if (entry == nullptr) return;
  displace(*entry);
  move(*entry, JobState::running);
  entry->job.uses.attempt = record.attempt;
  if (record.losses) entry->job.uses.losses = *record.losses;
  entry->job.holder = record.holder;
  entry->job.cancel_asked = record.cancel_asked;
  entry->job.last = record.at;
  entry->job.earlier = record.earlier;
  entry->job.due = {};
  entry->job.outcome = nullptr;
  place(*entry, false);
  started(*record.spec);
}

void MemoryStore::apply(const JobPutBack& record) {
  Entry* entry = unfinished(*record.spec);
  if (entry == nullptr || entry->job.state == JobState::scheduled) return;
  move(*entry, JobState::queued);
  entry->job.cancel_asked = false;
  entry->job.uses = record.uses;
  entry->job.last = {};
  entry->job.earlier = record.earlier;
  if (record.has_ended) entry->job.holder.reset();
  started(*record.spec);
}

void MemoryStore::apply(const JobRescheduled& record) {
  Entry* entry = unfinished(*record.spec);
  if (entry == nullptr) return;
  displace(*entry);
  move(*entry, JobState::scheduled);
  entry->job.cancel_asked = false;
  entry->job.uses = record.uses;
  entry->job.holder.reset();
  entry->job.due = record.due;
  entry->job.outcome = record.last;
  entry->job.last = {};
  entry->job.earlier = record.earlier;
  place(*entry, false);
  if (record.uses.attempt > 0) started(*record.spec);
}

void MemoryStore::apply(const JobDue& record) {
  Entry* entry = unfinished(*record.spec);
  if (entry == nullptr || entry->job.state != JobState::scheduled) return;
  displace(*entry);
  move(*entry, JobState::queued);
  entry->job.due = {};
  entry->job.outcome = nullptr;
  place(*entry, record.in_line);
}

void MemoryStore::apply(const JobFinished& record) {
  Entry* entry = unfinished(*record.spec);
  if (entry == nullptr) return;
  displace(*entry);
  move(*entry, record.outcome->state);
  entry->job.cancel_asked = false;
  entry->job.holder = record.holder;
  entry->job.uses = record.uses;
  entry->job.due = {};
  entry->job.outcome = record.outcome;
  entry->job.finished = record.finished;
  entry->job.last = record.last;
  entry->job.earlier = record.earlier;
  set_forget_at(*entry, record.forget_at);
  if (entry->job.state == JobState::failed) failed_[record.spec->queue].emplace(record.finished, record.spec->id);
  const JobOptions& options = record.spec->options;
  if (options.unique.empty()) return;
  if (entry->job.state != JobState::succeeded || options.unique_for.count() == 0) return release_unique(*record.spec);
  (void)claim_unique(*record.spec, record.finished + options.unique_for, record.finished);
}

void MemoryStore::apply(const JobForgotten& record) {
  const auto found = jobs_.find(record.id);
  if (found == jobs_.end() || !is_final(found->second.job.state)) return;
  if (!record.at) return drop(found);
  set_forget_at(found->second, record.at);
}

void MemoryStore::apply(const QueueChanged& record) {
  const QueueSettings& settings = record.settings;
  settings_.erase(settings.name);
  if (settings.is_paused || settings.purge_up_to) settings_.emplace(settings.name, settings);
}

void MemoryStore::apply(const ConsumerChanged& record) {
  consumers_.erase(record.instance);
  if (record.is_there) consumers_.emplace(record.instance, record.is_late);
}

// The key is free, the job's own, or that of one whose time is over.
bool MemoryStore::claim_unique(const JobSpec& spec, std::optional<WallTime> until, WallTime now) {
  const auto [key, is_new] = unique_.try_emplace(unique_name(spec));
  UniqueKey& owner = key->second;
  if (!is_new && owner.id != spec.id && (!owner.until || *owner.until > now)) return false;
  owner = {spec.id, until};
  return true;
}

void MemoryStore::release_unique(const JobSpec& spec) {
  const auto key = unique_.find(unique_name(spec));
  if (key != unique_.end() && key->second.id == spec.id) unique_.erase(key);
}

void MemoryStore::started(const JobSpec& spec) {
  if (spec.options.unique_while == UniqueWhile::queued) release_unique(spec);
}

void MemoryStore::set_forget_at(Entry& entry, std::optional<WallTime> at) {
  const JobId& id = entry.job.spec->id;
  if (entry.forget_at) forgetting_.erase({*entry.forget_at, id});
  entry.forget_at = at;
  if (at) forgetting_.emplace(*at, id);
}

void MemoryStore::drop(std::map<JobId, Entry>::iterator job) {
  set_forget_at(job->second, std::nullopt);
  const StoredJob& stored = job->second.job;
  release_unique(*stored.spec);
  if (stored.spec->listed_at) listed_at_.erase({*stored.spec->listed_at, stored.spec->sequence});
  if (stored.state == JobState::failed) failed_[stored.spec->queue].erase({stored.finished, stored.spec->id});
  count(job->second, false);
  jobs_.erase(job);
}

Result<std::vector<Dropped>> MemoryStore::forget(WallTime now, std::size_t limit) {
  std::vector<Dropped> dropped;
  while (dropped.size() < limit && !forgetting_.empty() && forgetting_.begin()->first <= now) {
    const auto job = jobs_.find(forgetting_.begin()->second);
    dropped.push_back({job->first, job->second.job.state, job->second.job.spec->queue});
    drop(job);
  }
  return dropped;
}

Result<std::vector<Dropped>> MemoryStore::forget_failed(const std::vector<std::string>& queues, std::uint64_t keep,
                                                        std::size_t limit) {
  std::vector<Dropped> dropped;
  for (const std::string& queue : queues) {
    const auto& failed = failed_[queue];
    while (failed.size() > keep && dropped.size() < limit) {
      const auto job = jobs_.find(failed.begin()->second);
      dropped.push_back({job->first, JobState::failed, queue});
      drop(job);
    }
  }
  return dropped;
}

}  // namespace zebu::broker
