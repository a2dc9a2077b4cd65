#include "broker/store/sqlite/reader.h"

#include <limits>
#include <set>

namespace zebu::broker {
namespace {

// How many jobs one page of a list looks at: some milliseconds, in which nothing is committed.
constexpr std::size_t kLookAt = 5000;
// Above every id.
constexpr Bytes kNewest("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 17);

Uuid id_in(Bytes blob) {
  const auto id = Uuid::from_bytes(blob);
  if (!id) throw StoreDamage("an id has not 16 bytes");
  return *id;
}

StoredJob stored_job(SharedSpec spec, JobStanding standing) {
  StoredJob job;
  job.spec = std::move(spec);
  job.state = standing.state;
  job.uses = standing.uses;
  job.holder = standing.holder;
  job.cancel_asked = standing.cancel_asked;
  job.due = standing.due;
  job.outcome = std::move(standing.outcome);
  job.finished = standing.finished;
  return job;
}

}  // namespace

SqliteReader::SqliteReader(SQLite::Database& database, AtHand& at_hand, const SqliteQueues& queues)
    : at_hand_(at_hand),
      queues_(queues),
      newest_at_hand_(database, "SELECT at_hand, (SELECT max(number) FROM at_hand) FROM store"),
      at_hand_rows_(database, "SELECT number, jobs FROM at_hand ORDER BY number DESC"),
      consumers_(database, "SELECT instance, late FROM consumer"),
      find_(database,
            "SELECT j.id, j.sequence, j.row, s.row FROM job j LEFT JOIN standing s ON s.sequence = j.sequence "
            "WHERE j.id = ?"),
      standing_(database, "SELECT row FROM standing WHERE sequence = ?"),
      in_line_(database, "SELECT 1 FROM line WHERE queue = ? AND rank = ? AND sequence = ?"),
      in_schedule_(database, "SELECT 1 FROM schedule WHERE due = ? AND sequence = ?"),
      line_(database,
            "SELECT j.id, j.sequence, j.row, s.row FROM line l CROSS JOIN job j ON j.id = l.id "
            "LEFT JOIN standing s ON s.sequence = l.sequence WHERE l.queue = ? AND (l.rank, l.sequence) >= (?, ?) "
            "ORDER BY l.rank, l.sequence LIMIT ?"),
      schedule_(database,
                "SELECT j.id, j.sequence, j.row, s.row, d.due FROM schedule d CROSS JOIN job j ON j.id = d.id "
                "LEFT JOIN standing s ON s.sequence = d.sequence WHERE (d.due, d.sequence) >= (?, ?) "
                "ORDER BY d.due, d.sequence LIMIT ?"),
      expired_(database,
               "SELECT j.id, j.sequence, j.row, s.row FROM expiring e CROSS JOIN job j ON j.id = e.id "
               "LEFT JOIN standing s ON s.sequence = e.sequence WHERE e.expires <= ? "
               "ORDER BY e.expires, e.sequence LIMIT ?"),
      list_(database,
            "SELECT j.id, j.sequence, j.row, s.row FROM job j LEFT JOIN standing s ON s.sequence = j.sequence "
            "WHERE j.id < ? ORDER BY j.id DESC"),
      list_failed_(database,
                   "SELECT j.id, j.sequence, j.row, s.row FROM failed f CROSS JOIN job j ON j.id = f.id "
                   "LEFT JOIN standing s ON s.sequence = j.sequence WHERE f.id < ? ORDER BY f.id DESC") {}

std::optional<JobStanding> SqliteReader::standing(std::uint64_t sequence) {
  auto rows = standing_.query(sequence);
  return rows.next() ? std::optional(reader_.standing(rows.blob(0))) : std::nullopt;
}

bool SqliteReader::is_in_line(const JobSpec& spec) {
  const auto queue = queues_.number(spec.queue);
  if (!queue) return false;
  return in_line_.query(*queue, line_key(spec).rank, spec.sequence).next();
}

bool SqliteReader::is_in_schedule(const JobSpec& spec) {
  return spec.due && in_schedule_.query(*spec.due, spec.sequence).next();
}

// Of a job without a row in `standing`: nothing has happened to it, but that its time may have come.
JobState SqliteReader::waiting_state(const JobSpec& spec) {
  const bool is_scheduled = at_hand_.find(spec.sequence) == nullptr && is_in_schedule(spec);
  return is_scheduled ? JobState::scheduled : JobState::queued;
}

StoredJob SqliteReader::stored(const Rows& rows) {
  SharedSpec spec = reader_.job(id_in(rows.blob(0)), rows.number(1), rows.blob(2));
  JobStanding standing;
  if (!rows.is_null(3)) {
    standing = reader_.standing(rows.blob(3));
  } else {
    standing.state = waiting_state(*spec);
    if (standing.state == JobState::scheduled) standing.due = *spec->due;
  }
  return stored_job(std::move(spec), std::move(standing));
}

NamedAtHand SqliteReader::recover() {
  NamedAtHand named;
  {
    auto newest = newest_at_hand_.query();
    if (!newest.next()) throw StoreDamage("it has no counters");
    const std::uint64_t next_row = newest.is_null(1) ? 1 : newest.number(1) + 1;
    at_hand_.restore_newest(next_row, recover_row(decode_ids(newest.blob(0)), next_row, named));
  }
  auto rows = at_hand_rows_.query();
  while (rows.next()) {
    const std::uint64_t number = rows.number(0);
    const std::vector<JobId> ids = decode_ids(rows.blob(1));
    at_hand_.restore_row(number, ids.size(), recover_row(ids, number, named));
  }
  return named;
}

std::vector<std::uint64_t> SqliteReader::recover_row(const std::vector<JobId>& ids, std::uint64_t number,
                                                     NamedAtHand& named) {
  std::vector<std::uint64_t> left;
  for (const JobId& id : ids) {
    auto rows = find_.query(id);
    if (!rows.next()) continue;  // forgotten
    const std::uint64_t sequence = rows.number(1);
    const bool has_standing = !rows.is_null(3);
    const JobStanding standing = has_standing ? RowReader::standing_only(rows.blob(3)) : JobStanding{};
    const JobState state = standing.state;
    if (is_final(state) && standing.forget_at) named.ended.push_back({id, *standing.forget_at});
    if (is_final(state) || state == JobState::scheduled || at_hand_.find(sequence) != nullptr) continue;
    // From now on it counts as at hand, which is what stored() asks.
    at_hand_.restore(sequence, {number, id, state == JobState::running, has_standing});
    StoredJob job = stored(rows);
    if (is_in_line(*job.spec) || is_in_schedule(*job.spec)) {  // a new job, with the id of one that was forgotten
      at_hand_.take(sequence);
      continue;
    }
    left.push_back(sequence);
    named.jobs.push_back(std::move(job));
  }
  return left;
}

std::vector<KnownConsumer> SqliteReader::consumers() {
  std::vector<KnownConsumer> consumers;
  auto rows = consumers_.query();
  while (rows.next()) consumers.push_back({id_in(rows.blob(0)), rows.integer(1) != 0});
  return consumers;
}

std::optional<StoredJob> SqliteReader::find(const JobId& id) {
  auto rows = find_.query(id);
  return rows.next() ? std::optional(stored(rows)) : std::nullopt;
}

std::vector<StoredJob> SqliteReader::load_queued(const LineName& line, LineKey from, std::size_t limit,
                                                 std::size_t bytes) {
  std::vector<StoredJob> jobs;
  const auto number = queues_.number(line.queue);
  if (!number) return jobs;
  auto rows = line_.query(*number, from.rank, from.sequence, std::numeric_limits<std::int32_t>::max());
  for (std::size_t size = 0; size < bytes && jobs.size() < limit && rows.next();) {
    StoredJob job = stored(rows);
    if (!line.task.empty() && job.spec->task != line.task) continue;
    size += job.spec->size();
    jobs.push_back(std::move(job));
  }
  return jobs;
}

std::vector<LineName> SqliteReader::lines(const std::vector<StoredQueue>& queues) {
  std::set<LineName> lines;
  for (const StoredQueue& queue : queues) {
    const auto number = queues_.number(queue.name);
    if (!number) continue;
    auto rows = line_.query(*number, 0, 0, std::numeric_limits<std::int32_t>::max());
    while (rows.next()) lines.insert(line_name(*stored(rows).spec));
  }
  return {lines.begin(), lines.end()};
}

std::vector<StoredJob> SqliteReader::load_scheduled(ScheduleKey from, std::size_t limit, std::size_t bytes) {
  std::vector<StoredJob> jobs;
  auto rows = schedule_.query(from.due, from.sequence, limit);
  for (std::size_t size = 0; size < bytes && rows.next(); size += jobs.back().spec->size()) {
    jobs.push_back(stored(rows));
  }
  return jobs;
}

std::vector<StoredJob> SqliteReader::load_expired(WallTime now, std::size_t limit) {
  std::vector<StoredJob> jobs;
  auto rows = expired_.query(now, limit);
  while (rows.next()) jobs.push_back(stored(rows));
  return jobs;
}

void SqliteReader::visit(const std::function<void(const StoredJob&)>& visitor) {
  auto rows = list_.query(kNewest);
  while (rows.next()) visitor(stored(rows));
}

ListPage SqliteReader::list(const ListFilter& filter) {
  ListPage page;
  const auto after = Uuid::parse(filter.after);
  if (!filter.after.empty() && !after) return page;
  Statement& statement = filter.state == JobState::failed ? list_failed_ : list_;
  auto rows = statement.query(after ? after->view() : kNewest);
  JobId last;
  for (std::size_t looked_at = 0; rows.next(); ++looked_at) {
    if (looked_at == kLookAt || page.jobs.size() >= filter.limit) {
      page.next = last.to_string();
      break;
    }
    last = id_in(rows.blob(0));
    const bool may_run = filter.state == JobState::running && at_hand_.find(rows.number(1)) != nullptr;
    if (filter.state && !rows.is_null(3) && !may_run && RowReader::standing_only(rows.blob(3)).state != *filter.state) {
      continue;
    }
    StoredJob job = stored(rows);
    if (filter.state && !may_run && job.state != *filter.state) continue;
    if (!filter.queue.empty() && job.spec->queue != filter.queue) continue;
    if (!filter.task.empty() && job.spec->task != filter.task) continue;
    page.jobs.push_back(std::move(job));
  }
  return page;
}

}  // namespace zebu::broker
