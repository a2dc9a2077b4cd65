#include "broker/store/sqlite/places.h"

namespace zebu::broker {

Places::Places(SQLite::Database& database, ResidentJobs& resident, SqliteQueues& queues, SqliteLines& lines,
               SqliteReader& reader)
    : resident_(resident),
      queues_(queues),
      lines_(lines),
      reader_(reader),
      insert_resident_(database, "INSERT INTO resident(number, jobs) VALUES(?, ?)"),
      delete_resident_(database, "DELETE FROM resident WHERE number = ?"),
      insert_in_line_(database, "INSERT INTO in_line(line, rank, sequence, id) VALUES(?, ?, ?, ?)"),
      delete_in_line_(database, "DELETE FROM in_line WHERE line = ? AND rank = ? AND sequence = ?"),
      insert_schedule_(database, "INSERT INTO schedule(due, sequence, id) VALUES(?, ?, ?)"),
      delete_schedule_(database, "DELETE FROM schedule WHERE due = ? AND sequence = ?"),
      insert_expiring_(database, "INSERT OR REPLACE INTO expiring(expires, sequence, id) VALUES(?, ?, ?)"),
      delete_expiring_(database, "DELETE FROM expiring WHERE expires = ? AND sequence = ?") {}

void Places::put_in_line(const JobSpec& spec) {
  const std::int64_t line = lines_.number_of_new(spec, queues_.number_of(spec.queue));
  insert_in_line_.run(line, line_key(spec).rank, spec.sequence, spec.id);
  if (spec.expires) insert_expiring_.run(*spec.expires, spec.sequence, spec.id);
}

void Places::put_in_schedule(const JobSpec& spec, WallTime due) {
  insert_schedule_.run(due, spec.sequence, spec.id);
  if (spec.expires) insert_expiring_.run(*spec.expires, spec.sequence, spec.id);
}

bool Places::take_from_schedule(const JobSpec& spec, WallTime due) {
  if (delete_schedule_.run(due, spec.sequence) == 0) return false;
  if (spec.expires) delete_expiring_.run(*spec.expires, spec.sequence);
  return true;
}

bool Places::take_from_line(const JobSpec& spec) {
  const auto line = lines_.number(spec);
  if (!line || delete_in_line_.run(*line, line_key(spec).rank, spec.sequence) == 0) return false;
  lines_.left(spec);
  if (spec.expires) delete_expiring_.run(*spec.expires, spec.sequence);
  return true;
}

std::optional<Places::Place> Places::take(const JobSpec& spec) {
  if (const auto job = resident_.take(spec.sequence)) {
    return Place{job->is_running ? JobState::running : JobState::queued, job->has_status, true};
  }
  if (take_from_line(spec)) return Place{JobState::queued, true, false};
  const auto status = reader_.status(spec.sequence);
  const auto due = status ? std::optional(status->due) : spec.due;
  if (due && take_from_schedule(spec, *due)) return Place{JobState::scheduled, true, false};
  return std::nullopt;
}

bool Places::save() {
  const ResidentJobs::Changes changes = resident_.settle();
  if (!changes.added.empty()) insert_resident_.run(changes.number, Bytes(encode_ids(changes.added)));
  for (const std::uint64_t gone : changes.gone) delete_resident_.run(gone);
  lines_.save();
  for (const std::string& queue : queues_.save()) lines_.drop_queue(queue);
  return changes.names_fewer;
}

}  // namespace zebu::broker
