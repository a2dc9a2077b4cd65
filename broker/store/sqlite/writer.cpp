#include "broker/store/sqlite/writer.h"

#include <algorithm>

namespace zebu::broker {
namespace {

constexpr std::size_t kManyInGroups = 1000;

}  // namespace

SqliteWriter::SqliteWriter(SQLite::Database& database, AtHand& at_hand, SqliteQueues& queues, SqliteReader& reader)
    : at_hand_(at_hand),
      queues_(queues),
      reader_(reader),
      accepted_rows_(database, "accepted_rows"),
      finished_rows_(database, "finished_rows"),
      select_counters_(database, "SELECT counters, recent FROM store"),
      update_store_(database, "UPDATE store SET commits = ?, counters = ?, queues = ?, at_hand = ?, recent = ?"),
      insert_job_(database, "INSERT INTO job(id, sequence, row) VALUES(?, ?, ?) ON CONFLICT DO NOTHING"),
      // OR FAIL, because a statement that may be undone alone keeps a journal, in a temporary file; nothing is undone.
      insert_accepted_(database,
                       "INSERT OR FAIL INTO job(id, sequence, row) SELECT id, sequence, row FROM accepted_rows "
                       "WHERE true ON CONFLICT DO NOTHING"),
      sequence_of_(database, "SELECT sequence FROM job WHERE id = ?"),
      delete_job_(database, "DELETE FROM job WHERE id = ?"),
      set_standing_(database, "INSERT OR REPLACE INTO standing(sequence, row) VALUES(?, ?)"),
      insert_finished_(database, "INSERT OR FAIL INTO standing(sequence, row) SELECT sequence, row FROM finished_rows"),
      delete_standing_(database, "DELETE FROM standing WHERE sequence = ?"),
      insert_at_hand_(database, "INSERT INTO at_hand(number, jobs) VALUES(?, ?)"),
      delete_at_hand_(database, "DELETE FROM at_hand WHERE number = ?"),
      insert_line_(database, "INSERT INTO line(queue, rank, sequence, id) VALUES(?, ?, ?, ?)"),
      delete_line_(database, "DELETE FROM line WHERE queue = ? AND rank = ? AND sequence = ?"),
      insert_schedule_(database, "INSERT INTO schedule(due, sequence, id) VALUES(?, ?, ?)"),
      delete_schedule_(database, "DELETE FROM schedule WHERE due = ? AND sequence = ?"),
      insert_expiring_(database, "INSERT OR REPLACE INTO expiring(expires, sequence, id) VALUES(?, ?, ?)"),
      delete_expiring_(database, "DELETE FROM expiring WHERE expires = ? AND sequence = ?"),
      insert_failed_(database, "INSERT INTO failed(id) VALUES(?)"),
      delete_failed_(database, "DELETE FROM failed WHERE id = ?"),
      claim_unique_(database,
                    "INSERT INTO unique_key(key, id, until) VALUES(?1, ?2, ?3) ON CONFLICT(key) DO UPDATE SET "
                    "id = ?2, until = ?3 WHERE id = ?2 OR until <= ?4"),
      unique_owner_(database, "SELECT id FROM unique_key WHERE key = ?"),
      release_unique_(database, "DELETE FROM unique_key WHERE key = ? AND id = ?"),
      find_finished_(database,
                     "SELECT j.sequence, s.row, j.row FROM job j JOIN standing s ON s.sequence = j.sequence "
                     "WHERE j.id = ?"),
      next_group_(database, "SELECT due, number, jobs FROM forgetting WHERE due <= ? ORDER BY due, number LIMIT 1"),
      insert_group_(database, "INSERT INTO forgetting(due, number, jobs) VALUES(?, ?, ?)"),
      update_group_(database, "UPDATE forgetting SET jobs = ?3 WHERE due = ?1 AND number = ?2"),
      delete_group_(database, "DELETE FROM forgetting WHERE due = ? AND number = ?"),
      insert_consumer_(database, "INSERT OR REPLACE INTO consumer(instance, late) VALUES(?, ?)"),
      delete_consumer_(database, "DELETE FROM consumer WHERE instance = ?") {}

// A plain new job's row, and a finished one's standing, wait in a feed until the records end or one of them is about a
// job that waits, and may be a duplicate. No record about a job comes after that of its end, but for JobForgotten.
template <class R>
bool SqliteWriter::is_after_feeds(const R& record) const {
  if constexpr (std::is_same_v<R, JobForgotten>) return true;
  if constexpr (requires { record.spec; } && !std::is_same_v<R, JobAccepted>) {
    return !accepted_.empty() && record.spec->sequence >= accepted_.front()->spec->sequence;
  }
  return false;
}

std::vector<Duplicate> SqliteWriter::apply(const std::vector<Record>& records) {
  for (const Record& record : records) {
    std::visit(
        [this](const auto& r) {
          if (is_after_feeds(r)) insert_feeds();
          apply(r);
        },
        record);
  }
  may_be_recent() ? keep_recent() : insert_feeds();
  // In the order of the records: those of a feed are found late.
  std::sort(duplicates_.begin(), duplicates_.end(),
            [](const Duplicate& a, const Duplicate& b) { return a.spec->sequence < b.spec->sequence; });
  return std::exchange(duplicates_, {});
}

void SqliteWriter::finish(std::uint64_t number) {
  const AtHand::Changes changes = at_hand_.settle();
  if (!changes.added.empty()) insert_at_hand_.run(changes.number, Bytes(encode_ids(changes.added)));
  for (const std::uint64_t gone : changes.gone) delete_at_hand_.run(gone);
  if (changes.names_fewer || are_groups_due_ || in_groups_ > kManyInGroups) write_groups(number);
  queues_.save();
  update_store_.run(number, Bytes(encode_counters(counters_)), Bytes(encode_numbers(queues_.newest_counts())),
                    Bytes(encode_ids(at_hand_.newest())), Bytes(recent_));
}

// ── a new job ───────────────────────────────────────────────────────────────────────────────────────────────────────

void SqliteWriter::apply(const JobAccepted& record) {
  const JobSpec& spec = *record.spec;
  if (!spec.due && !record.in_line && spec.options.unique.empty()) {
    accepted_rows_.add(spec.id, spec.sequence);
    append_job(accepted_rows_.bytes(), spec);
    accepted_.push_back(&record);
    return;
  }
  insert_feeds();
  if (insert_job_.run(spec.id, spec.sequence, Bytes(encode_job(spec))) == 0) {
    duplicates_.push_back({record.spec, spec.id});
    return;
  }
  if (!spec.options.unique.empty() && !claim_unique(spec, std::nullopt, spec.submitted)) {
    delete_job_.run(spec.id);
    auto owner = unique_owner_.query(Bytes(spec.options.unique));
    const auto id = owner.next() ? Uuid::from_bytes(owner.blob(0)) : std::nullopt;
    if (!id) throw StoreDamage("a unique key has no owner");
    duplicates_.push_back({record.spec, *id});
    return;
  }
  count_in(spec, spec.due ? JobState::scheduled : JobState::queued);
  if (spec.due) return put_in_schedule(spec, *spec.due);
  if (record.in_line) return put_in_line(spec);
  at_hand_.add(spec.sequence, spec.id);
}

// ── a job's life ────────────────────────────────────────────────────────────────────────────────────────────────────

void SqliteWriter::apply(const JobEvicted& record) {
  const AtHand::Job* job = at_hand_.find(record.spec->sequence);
  if (job == nullptr || job->is_running) return;
  at_hand_.take(record.spec->sequence);
  put_in_line(*record.spec);
}

// A job that has begun holds its key no longer, if it held it only while queued.
void SqliteWriter::started(const JobSpec& spec) {
  if (spec.options.unique_while == UniqueWhile::queued) release_unique(spec);
}

void SqliteWriter::apply(const AttemptStarted& record) {
  const JobSpec& spec = *record.spec;
  AtHand::Job* job = at_hand_.find(spec.sequence);
  if (job == nullptr) {
    const auto place = leave(spec);
    if (!place) return;
    move(spec, place->state, JobState::running);
    job = &at_hand_.add(spec.sequence, spec.id);
    job->has_standing = place->has_standing;
  } else if (!job->is_running) {
    move(spec, JobState::queued, JobState::running);
  }
  JobStanding standing = standing_of(spec, job->has_standing);
  standing.state = JobState::running;
  standing.uses.attempt = record.attempt;
  standing.holder = record.holder;
  standing.cancel_asked = record.cancel_asked;
  standing.outcome = nullptr;
  job->is_running = true;
  job->has_standing = true;
  set_standing(spec, standing);
  started(spec);
}

void SqliteWriter::apply(const JobPutBack& record) {
  const JobSpec& spec = *record.spec;
  bool has_standing = true;
  if (AtHand::Job* job = at_hand_.find(spec.sequence)) {
    if (job->is_running) move(spec, JobState::running, JobState::queued);
    has_standing = std::exchange(job->has_standing, true);
    job->is_running = false;
  } else if (!reader_.is_in_line(spec)) {
    return;
  }
  JobStanding standing = standing_of(spec, has_standing);
  standing.state = JobState::queued;
  standing.cancel_asked = false;
  standing.uses = record.uses;
  if (record.has_ended) standing.holder = {};
  set_standing(spec, standing);
  started(spec);
}

void SqliteWriter::apply(const JobRescheduled& record) {
  const JobSpec& spec = *record.spec;
  const auto place = leave(spec);
  if (!place) return;
  move(spec, place->state, JobState::scheduled);
  JobStanding standing = standing_of(spec, place->has_standing);
  standing.state = JobState::scheduled;
  standing.cancel_asked = false;
  standing.uses = record.uses;
  standing.holder = {};
  standing.due = record.due;
  standing.outcome = record.last;
  set_standing(spec, standing);
  put_in_schedule(spec, record.due);
  started(spec);
}

void SqliteWriter::apply(const JobDue& record) {
  const JobSpec& spec = *record.spec;
  auto standing = reader_.standing(spec.sequence);
  const auto due = standing ? std::optional(standing->due) : spec.due;
  if (!due || delete_schedule_.run(*due, spec.sequence) == 0) return;
  move(spec, JobState::scheduled, JobState::queued);
  if (standing) {
    standing->state = JobState::queued;
    standing->outcome = nullptr;
    set_standing(spec, *standing);
  }
  if (record.in_line) return put_in_line(spec);
  at_hand_.add(spec.sequence, spec.id).has_standing = standing.has_value();
  if (spec.expires) delete_expiring_.run(*spec.expires, spec.sequence);
}

void SqliteWriter::apply(const JobFinished& record) {
  const JobSpec& spec = *record.spec;
  const auto place = leave(spec);
  if (!place) return;
  if (!place->was_at_hand) are_groups_due_ = true;
  JobStanding standing;
  standing.state = record.outcome->state;
  move(spec, place->state, standing.state);
  if (place->has_standing) standing.holder = standing_of(spec, true).holder;
  standing.uses = record.uses;
  standing.finished = record.finished;
  standing.queue = spec.queue;
  standing.forget_at = record.forget_at;
  standing.outcome = record.outcome;
  if (!spec.options.unique.empty()) {
    if (standing.state == JobState::succeeded && spec.options.unique_for.count() > 0) {
      standing.has_unique = claim_unique(spec, record.finished + spec.options.unique_for, record.finished);
    } else {
      release_unique(spec);
    }
  }
  if (standing.state == JobState::failed) insert_failed_.run(spec.id);
  if (record.forget_at) forget_at(spec.id, *record.forget_at);
  if (place->has_standing) return set_standing(spec, standing);
  finished_rows_.add(spec.id, spec.sequence);
  append_standing(finished_rows_.bytes(), spec.id, standing);
}

// ── the rest ────────────────────────────────────────────────────────────────────────────────────────────────────────

void SqliteWriter::apply(const QueueChanged& record) { queues_.set(record.settings); }

void SqliteWriter::apply(const ConsumerChanged& record) {
  record.is_there ? insert_consumer_.run(record.instance, record.is_late) : delete_consumer_.run(record.instance);
}

}  // namespace zebu::broker
