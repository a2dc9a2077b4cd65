#include "broker/store/sqlite/writer.h"

#include "broker/store/sqlite/record_order.h"

#include <algorithm>
#include <utility>

namespace zebu::broker {

SqliteWriter::SqliteWriter(SQLite::Database& database, ResidentJobs& resident, SqliteQueues& queues, SqliteLines& lines,
                           LargeValues& large, SqliteReader& reader)
    : resident_(resident),
      queues_(queues),
      large_(large),
      reader_(reader),
      counts_(queues),
      rows_(database),
      places_(database, resident, queues, lines, reader),
      unique_(database),
      failed_(database, queues),
      expiry_(database),
      select_store_(database, "SELECT counters, recent FROM store"),
      update_store_(database, "UPDATE store SET commits = ?, counters = ?, queues = ?, resident = ?, recent = ?"),
      find_finished_(database,
                     "SELECT j.sequence, s.row, j.row FROM job j JOIN status s ON s.sequence = j.sequence "
                     "WHERE j.id = ?"),
      job_row_(database, "SELECT row FROM job WHERE id = ?"),
      insert_consumer_(database, "INSERT OR REPLACE INTO consumer(instance, late) VALUES(?, ?)"),
      delete_consumer_(database, "DELETE FROM consumer WHERE instance = ?") {}

void SqliteWriter::load() {
  std::string recent;
  {
    auto rows = select_store_.query();
    if (!rows.next()) throw StoreDamage("it has no counters");
    counts_.load(decode_counters(rows.blob(0)));
    recent = rows.blob(1);
  }
  rows_.load(std::move(recent));
}

template <class R>
bool SqliteWriter::must_insert_before(const R& record) const {
  constexpr Needs kNeeds = needs(std::type_identity<R>{});
  if constexpr (kNeeds == Needs::rows_of_its_job) return rows_.may_wait(*record.spec);
  return kNeeds == Needs::all_rows;
}

std::vector<Duplicate> SqliteWriter::apply(const std::vector<Record>& records) {
  for (const Record& record : records) {
    std::visit(
        [this](const auto& r) {
          if (must_insert_before(r)) take(rows_.insert());
          apply(r);
        },
        record);
  }
  take(rows_.settle());
  // In the order of the records: those of rows that waited are found late.
  std::sort(duplicates_.begin(), duplicates_.end(),
            [](const Duplicate& a, const Duplicate& b) { return a.spec->sequence < b.spec->sequence; });
  return std::exchange(duplicates_, {});
}

void SqliteWriter::take(JobRows::Settled settled) {
  for (const JobAccepted* record : settled.taken) {
    counts_.enter(*record->spec, JobState::queued);
    resident_.add(record->spec->sequence, record->spec->id);
  }
  for (Duplicate& one : settled.duplicates) duplicates_.push_back(std::move(one));
}

void SqliteWriter::finish(std::uint64_t number) {
  const bool resident_names_fewer = places_.save();
  expiry_.save(number, resident_names_fewer);
  update_store_.run(number, Bytes(encode_counters(counters())), Bytes(encode_numbers(queues_.newest_counts())),
                    Bytes(encode_ids(resident_.newest())), Bytes(rows_.recent()));
}

// ── a new job ───────────────────────────────────────────────────────────────────────────────────────────────────────

void SqliteWriter::apply(const JobAccepted& record) {
  const JobSpec& spec = *record.spec;
  const bool is_large = spec.argument_bytes() > kLargeValue;
  const bool is_plain = !spec.due && !record.in_line && spec.options.unique.empty() && !spec.listed_at;
  if (is_plain && !is_large) return rows_.add(record);
  take(rows_.insert());
  std::optional<LargeValue> args;
  if (is_large) args = large_.place_for({spec.id, 0}, spec.argument_bytes());
  if (!rows_.insert(spec, args)) {
    duplicates_.push_back({record.spec, spec.id});
    return;
  }
  if (!spec.options.unique.empty() && !unique_.claim(spec, std::nullopt, spec.submitted)) {
    spec.listed_at ? rows_.erase(spec) : rows_.erase(spec.id);
    duplicates_.push_back({record.spec, unique_.owner(spec)});
    return;
  }
  if (args) large_.take({spec.id, 0}, *args, spec.kwargs ? joined_arguments(spec) : spec.args);
  counts_.enter(spec, spec.due ? JobState::scheduled : JobState::queued);
  if (spec.due) return places_.put_in_schedule(spec, *spec.due);
  if (record.in_line) return places_.put_in_line(spec);
  resident_.add(spec.sequence, spec.id);
}

// ── a job's life ────────────────────────────────────────────────────────────────────────────────────────────────────

JobStatus SqliteWriter::status_of(const JobSpec& spec, bool has_status) {
  std::optional<JobStatus> status;
  if (has_status) status = reader_.status(spec.sequence);
  return status ? std::move(*status) : JobStatus{};
}

// A job that has begun holds its key no longer, if it held it only while queued.
void SqliteWriter::release_if_begun(const JobSpec& spec) {
  if (spec.options.unique_while == UniqueWhile::queued) unique_.release(spec);
}

void SqliteWriter::apply(const JobEvicted& record) {
  const ResidentJobs::Job* job = resident_.find(record.spec->sequence);
  if (job == nullptr || job->is_running) return;
  resident_.take(record.spec->sequence);
  places_.put_in_line(*record.spec);
}

void SqliteWriter::apply(const AttemptStarted& record) {
  const JobSpec& spec = *record.spec;
  ResidentJobs::Job* job = resident_.find(spec.sequence);
  if (job == nullptr) {
    const auto place = places_.take(spec);
    if (!place) return;
    counts_.move(spec, place->state, JobState::running);
    job = &resident_.add(spec.sequence, spec.id);
    job->has_status = place->has_status;
  } else if (!job->is_running) {
    counts_.move(spec, JobState::queued, JobState::running);
  }
  JobStatus status = status_of(spec, job->has_status);
  status.state = JobState::running;
  status.uses.attempt = record.attempt;
  if (record.losses) status.uses.losses = *record.losses;
  status.holder = record.holder;
  status.cancel_asked = record.cancel_asked;
  status.last = record.at;
  status.earlier = record.earlier;
  status.outcome = nullptr;
  job->is_running = true;
  job->has_status = true;
  set_status(spec, status);
  release_if_begun(spec);
}

void SqliteWriter::apply(const JobPutBack& record) {
  const JobSpec& spec = *record.spec;
  bool has_status = true;
  if (ResidentJobs::Job* job = resident_.find(spec.sequence)) {
    if (job->is_running) counts_.move(spec, JobState::running, JobState::queued);
    has_status = std::exchange(job->has_status, true);
    job->is_running = false;
  } else if (!reader_.is_in_line(spec)) {
    return;
  }
  JobStatus status = status_of(spec, has_status);
  status.state = JobState::queued;
  status.cancel_asked = false;
  status.uses = record.uses;
  status.last = {};
  status.earlier = record.earlier;
  if (record.has_ended) status.holder.reset();
  set_status(spec, status);
  release_if_begun(spec);
}

void SqliteWriter::apply(const JobRescheduled& record) {
  const JobSpec& spec = *record.spec;
  const auto place = places_.take(spec);
  if (!place) return;
  counts_.move(spec, place->state, JobState::scheduled);
  JobStatus status = status_of(spec, place->has_status);
  status.state = JobState::scheduled;
  status.cancel_asked = false;
  status.uses = record.uses;
  status.holder.reset();
  status.due = record.due;
  status.outcome = record.last;
  status.last = {};
  status.earlier = record.earlier;
  set_status(spec, status);
  places_.put_in_schedule(spec, record.due);
  if (record.uses.attempt > 0) release_if_begun(spec);
}

void SqliteWriter::apply(const JobDue& record) {
  const JobSpec& spec = *record.spec;
  auto status = reader_.status(spec.sequence);
  const auto due = status ? std::optional(status->due) : spec.due;
  if (!due || !places_.take_from_schedule(spec, *due)) return;
  counts_.move(spec, JobState::scheduled, JobState::queued);
  if (status) {
    status->state = JobState::queued;
    status->outcome = nullptr;
    set_status(spec, *status);
  }
  if (record.in_line) return places_.put_in_line(spec);
  resident_.add(spec.sequence, spec.id).has_status = status.has_value();
}

// ── its end ─────────────────────────────────────────────────────────────────────────────────────────────────────────

std::optional<LargeValue> SqliteWriter::large_args_of(const JobSpec& spec) {
  if (spec.argument_bytes() <= kLargeValue) return std::nullopt;
  auto rows = job_row_.query(spec.id);
  if (!rows.next()) throw StoreDamage("job " + spec.id.to_string() + " has no row");
  return RowReader::args_only(rows.blob(0));
}

// Whether the job has its unique key still.
bool SqliteWriter::keep_unique(const JobFinished& record) {
  const JobSpec& spec = *record.spec;
  if (spec.options.unique.empty()) return false;
  if (record.outcome->state == JobState::succeeded && spec.options.unique_for.count() > 0) {
    return unique_.claim(spec, record.finished + spec.options.unique_for, record.finished);
  }
  unique_.release(spec);
  return false;
}

// A large result, or the entry of an outcome with a large error, is in pieces.
std::optional<LargeValue> SqliteWriter::keep_large(const JobFinished& record) {
  const Outcome& outcome = *record.outcome;
  const ValueName name{record.spec->id, record.uses.attempt};
  Bytes value = outcome.result;
  std::string entry;
  if (outcome.state == JobState::failed && wire_size(outcome.error) > kLargeValue) {
    entry = encode_entry(message::report_of(name.job, name.attempt, outcome));
    value = entry;
  }
  if (value.size() <= kLargeValue) return std::nullopt;
  const LargeValue place = large_.place_for(name, value.size());
  large_.take(name, place, value);
  return place;
}

void SqliteWriter::apply(const JobFinished& record) {
  const JobSpec& spec = *record.spec;
  const auto place = places_.take(spec);
  if (!place) return;
  JobStatus status;
  status.state = record.outcome->state;
  counts_.move(spec, place->state, status.state);
  status.holder = record.holder;
  status.uses = record.uses;
  status.finished = record.finished;
  status.queue = spec.queue;
  status.forget_at = record.forget_at;
  status.last = record.last;
  status.earlier = record.earlier;
  status.outcome = record.outcome;
  status.has_unique = keep_unique(record);
  status.args = large_args_of(spec);
  status.result = keep_large(record);
  if (status.state == JobState::failed) failed_.add(spec.id, spec.queue, record.finished);
  if (record.forget_at) expiry_.add(spec.id, *record.forget_at, !place->was_resident);
  if (place->has_status) return set_status(spec, status);
  rows_.add_status(spec.id, spec.sequence, status);
}

void SqliteWriter::apply(const JobForgotten& record) {
  if (!record.at) {
    (void)drop(record.id, std::nullopt);
    return;
  }
  JobStatus status;
  std::uint64_t sequence = 0;
  {
    auto rows = find_finished_.query(record.id);
    if (!rows.next()) return;
    sequence = rows.number(0);
    status = decode_.status(rows.blob(1));
  }
  if (!is_final(status.state)) return;
  status.forget_at = record.at;
  rows_.set_status(record.id, sequence, status);
  expiry_.add(record.id, *record.at, true);
}

void SqliteWriter::forget_later(const std::vector<NamedResident::Ended>& ended) {
  // From the first commit on the file may name them as resident no longer.
  for (const NamedResident::Ended& one : ended) expiry_.add(one.id, one.forget_at, true);
}

std::vector<Dropped> SqliteWriter::forget(WallTime now, std::size_t limit) {
  std::vector<Dropped> dropped;
  expiry_.visit_due(now, limit, [&](const JobId& id) {
    auto one = drop(id, now);
    if (one) dropped.push_back(std::move(*one));
    return one.has_value();
  });
  return dropped;
}

std::vector<Dropped> SqliteWriter::forget_failed(const std::vector<std::string>& queues, std::uint64_t keep,
                                                 std::size_t limit) {
  std::vector<Dropped> dropped;
  for (const std::string& queue : queues) {
    const std::uint64_t failed = queues_.failed(queue);
    if (failed <= keep) continue;
    const std::uint64_t most = std::min<std::uint64_t>(failed - keep, limit - dropped.size());
    for (const JobId& id : failed_.oldest(queue, most)) {
      if (auto one = drop(id, std::nullopt)) dropped.push_back(std::move(*one));
    }
  }
  return dropped;
}

// Drops a finished job, with `now` only if its time is up. Else its time was changed, or is the group's last: it joins
// the group of its time.
std::optional<Dropped> SqliteWriter::drop(const JobId& id, std::optional<WallTime> now) {
  std::uint64_t sequence = 0;
  JobStatus status;
  SharedSpec spec;  // of one that has more rows
  {
    auto rows = find_finished_.query(id);
    if (!rows.next()) return std::nullopt;
    sequence = rows.number(0);
    status = RowReader::status_only(rows.blob(1));
    if (!is_final(status.state)) return std::nullopt;
    if (now && (!status.forget_at || *status.forget_at > *now)) {
      if (status.forget_at) expiry_.add(id, *status.forget_at, true);
      return std::nullopt;
    }
    if (status.has_unique || has_place_in_lists(rows.blob(2))) spec = decode_.job(id, sequence, rows.blob(2)).spec;
  }
  if (status.has_unique) unique_.release(*spec);
  if (status.state == JobState::failed) failed_.erase(id, status.queue, status.finished);
  for (const auto& value : {status.args, status.result}) {
    if (value) large_.drop(*value);
  }
  rows_.erase_status(sequence);
  spec && spec->listed_at ? rows_.erase(*spec) : rows_.erase(id);
  counts_.drop(status.queue, status.state);
  return Dropped{id, status.state, std::move(status.queue)};
}

// ── the rest ────────────────────────────────────────────────────────────────────────────────────────────────────────

void SqliteWriter::apply(const QueueChanged& record) { queues_.set(record.settings); }

void SqliteWriter::apply(const ConsumerChanged& record) {
  record.is_there ? insert_consumer_.run(record.instance, record.is_late) : delete_consumer_.run(record.instance);
}

}  // namespace zebu::broker
