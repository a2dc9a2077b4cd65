#include "broker/store/sqlite/writer.h"

// Where the writer puts jobs and finds them: line, schedule, at hand; their standing, counters and unique keys.
namespace zebu::broker {
namespace {

std::size_t index(JobState state) { return static_cast<std::size_t>(state); }

}  // namespace

void SqliteWriter::put_in_line(const JobSpec& spec) {
  insert_line_.run(queues_.number_of_new(spec.queue), line_key(spec).rank, spec.sequence, spec.id);
  if (spec.expires) insert_expiring_.run(*spec.expires, spec.sequence, spec.id);
}

void SqliteWriter::put_in_schedule(const JobSpec& spec, WallTime due) {
  insert_schedule_.run(due, spec.sequence, spec.id);
  if (spec.expires) insert_expiring_.run(*spec.expires, spec.sequence, spec.id);
}

// Takes an unfinished job out of wherever it is. Nothing: there is no such job, or it is finished.
std::optional<SqliteWriter::Place> SqliteWriter::leave(const JobSpec& spec) {
  if (const auto job = at_hand_.take(spec.sequence)) {
    return Place{job->is_running ? JobState::running : JobState::queued, job->has_standing, true};
  }
  const auto queue = queues_.number(spec.queue);
  std::optional<Place> place;
  if (queue && delete_line_.run(*queue, line_key(spec).rank, spec.sequence) != 0) {
    place = Place{JobState::queued, true, false};
  } else {
    const auto standing = reader_.standing(spec.sequence);
    const auto due = standing ? std::optional(standing->due) : spec.due;
    if (due && delete_schedule_.run(*due, spec.sequence) != 0) place = Place{JobState::scheduled, true, false};
  }
  if (place && spec.expires) delete_expiring_.run(*spec.expires, spec.sequence);
  return place;
}

JobStanding SqliteWriter::standing_of(const JobSpec& spec, bool has_standing) {
  std::optional<JobStanding> standing;
  if (has_standing) standing = reader_.standing(spec.sequence);
  return standing ? std::move(*standing) : JobStanding{};
}

void SqliteWriter::set_standing(const JobSpec& spec, const JobStanding& standing) {
  set_standing_.run(spec.sequence, Bytes(encode_standing(spec.id, standing)));
}

void SqliteWriter::count_in(const JobSpec& spec, JobState state) {
  counters_.next_sequence = std::max(counters_.next_sequence, spec.sequence + 1);
  ++counters_.counts[index(state)];
  queues_.enter(spec, state);
}

void SqliteWriter::move(const JobSpec& spec, JobState from, JobState to) {
  if (from == to) return;
  --counters_.counts[index(from)];
  ++counters_.counts[index(to)];
  queues_.leave(spec, from);
  queues_.enter(spec, to);
}

bool SqliteWriter::claim_unique(const JobSpec& spec, std::optional<WallTime> until, WallTime now) {
  return claim_unique_.run(Bytes(spec.options.unique), spec.id, until, now) != 0;
}

void SqliteWriter::release_unique(const JobSpec& spec) {
  if (!spec.options.unique.empty()) release_unique_.run(Bytes(spec.options.unique), spec.id);
}

}  // namespace zebu::broker
