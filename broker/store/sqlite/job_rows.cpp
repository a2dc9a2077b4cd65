#include "broker/store/sqlite/job_rows.h"

#include <utility>

namespace zebu::broker {
namespace {

// Bytes of recent rows, so that the row of `store` fits into its page. Each commit writes them again.
constexpr std::size_t kMostRecent = 2048;

}  // namespace

JobRows::JobRows(SQLite::Database& database)
    : new_jobs_(database, "new_jobs"),
      statuses_(database, "new_statuses"),
      insert_job_(database, "INSERT INTO job(id, sequence, row) VALUES(?, ?, ?) ON CONFLICT DO NOTHING"),
      // OR FAIL, because a statement that may be undone alone keeps a journal, in a temporary file; nothing is undone.
      insert_jobs_(database,
                   "INSERT OR FAIL INTO job(id, sequence, row) SELECT id, sequence, row FROM new_jobs "
                   "WHERE true ON CONFLICT DO NOTHING"),
      sequence_of_(database, "SELECT sequence FROM job WHERE id = ?"),
      delete_job_(database, "DELETE FROM job WHERE id = ?"),
      set_status_(database, "INSERT OR REPLACE INTO status(sequence, row) VALUES(?, ?)"),
      insert_statuses_(database, "INSERT OR FAIL INTO status(sequence, row) SELECT sequence, row FROM new_statuses"),
      delete_status_(database, "DELETE FROM status WHERE sequence = ?"),
      insert_listed_(database, "INSERT INTO listed_at(at, sequence, id) VALUES(?, ?, ?)"),
      delete_listed_(database, "DELETE FROM listed_at WHERE at = ? AND sequence = ?") {}

void JobRows::load(std::string recent) {
  recent_ = std::move(recent);
  for (const RecentRow& row : decode_recent(recent_)) {
    RowFeed& feed = row.is_status ? statuses_ : new_jobs_;
    feed.add(row.id, row.sequence);
    feed.bytes() += row.row;
  }
  (void)insert();
}

void JobRows::add(const JobAccepted& record) {
  new_jobs_.add(record.spec->id, record.spec->sequence);
  append_job(new_jobs_.bytes(), *record.spec);
  accepted_.push_back(&record);
}

void JobRows::add_status(const JobId& id, std::uint64_t sequence, const JobStatus& status) {
  statuses_.add(id, sequence);
  append_status(statuses_.bytes(), id, status);
}

bool JobRows::may_wait(const JobSpec& spec) const {
  return !accepted_.empty() && spec.sequence >= accepted_.front()->spec->sequence;
}

JobRows::Settled JobRows::settle() { return may_be_recent() ? keep_recent() : insert(); }

// Few, and new jobs are no duplicates.
bool JobRows::may_be_recent() {
  if (new_jobs_.bytes().size() + statuses_.bytes().size() > kMostRecent) return false;
  for (std::size_t i = new_jobs_.size() - accepted_.size(); i < new_jobs_.size(); ++i) {
    const JobId& id = new_jobs_.id(i);
    for (std::size_t before = 0; before < i; ++before) {
      if (new_jobs_.id(before) == id) return false;
    }
    if (sequence_of(id)) return false;
  }
  return true;
}

JobRows::Settled JobRows::keep_recent() {
  for (std::size_t i = new_jobs_.size() - accepted_.size(); i < new_jobs_.size(); ++i) {
    append_recent(recent_, {false, new_jobs_.id(i), new_jobs_.sequence(i), new_jobs_.row(i)});
  }
  for (; recent_statuses_ < statuses_.size(); ++recent_statuses_) {
    const std::size_t i = recent_statuses_;
    append_recent(recent_, {true, statuses_.id(i), statuses_.sequence(i), statuses_.row(i)});
  }
  return {std::exchange(accepted_, {}), {}};
}

JobRows::Settled JobRows::insert() {
  Settled settled;
  if (!new_jobs_.empty()) {
    const std::size_t inserted = new_jobs_.size() == 1
                                     ? insert_job_.run(new_jobs_.id(0), new_jobs_.sequence(0), new_jobs_.row(0))
                                     : insert_jobs_.run();
    settled.taken = std::exchange(accepted_, {});
    if (inserted != new_jobs_.size()) {
      std::erase_if(settled.taken, [&](const JobAccepted* record) {
        const bool is_taken = sequence_of(record->spec->id) == record->spec->sequence;
        if (!is_taken) settled.duplicates.push_back({record->spec, record->spec->id});
        return !is_taken;
      });
    }
    new_jobs_.clear();
  }
  if (!statuses_.empty()) {
    statuses_.size() == 1 ? set_status_.run(statuses_.sequence(0), statuses_.row(0)) : insert_statuses_.run();
    statuses_.clear();
  }
  recent_.clear();
  recent_statuses_ = 0;
  return settled;
}

bool JobRows::insert(const JobSpec& spec, const std::optional<LargeValue>& args) {
  if (insert_job_.run(spec.id, spec.sequence, Bytes(encode_job(spec, args))) == 0) return false;
  if (spec.listed_at) insert_listed_.run(*spec.listed_at, spec.sequence, spec.id);
  return true;
}

void JobRows::set_status(const JobId& id, std::uint64_t sequence, const JobStatus& status) {
  set_status_.run(sequence, Bytes(encode_status(id, status)));
}

void JobRows::erase(const JobId& id) { delete_job_.run(id); }
void JobRows::erase(const JobSpec& spec) {
  erase(spec.id);
  delete_listed_.run(*spec.listed_at, spec.sequence);
}
void JobRows::erase_status(std::uint64_t sequence) { delete_status_.run(sequence); }

std::optional<std::uint64_t> JobRows::sequence_of(const JobId& id) {
  auto rows = sequence_of_.query(id);
  return rows.next() ? std::optional(rows.number(0)) : std::nullopt;
}

}  // namespace zebu::broker
