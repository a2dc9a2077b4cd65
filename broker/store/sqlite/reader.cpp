#include "broker/store/sqlite/reader.h"

#include "broker/records/list_place.h"

namespace zebu::broker {
namespace {

// How many jobs one page of a list looks at: some milliseconds, in which nothing is committed.
constexpr std::size_t kLookAt = 5000;
// Above every id.
constexpr Bytes kNewest("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 17);

StoredJob stored_job(SharedSpec spec, JobStatus status) {
  StoredJob job;
  job.spec = std::move(spec);
  job.state = status.state;
  job.uses = status.uses;
  job.holder = status.holder;
  job.cancel_asked = status.cancel_asked;
  job.due = status.due;
  job.outcome = std::move(status.outcome);
  job.finished = status.finished;
  job.last = std::move(status.last);
  job.earlier = std::move(status.earlier);
  return job;
}

}  // namespace

SqliteReader::SqliteReader(SQLite::Database& database, ResidentJobs& resident, SqliteLines& lines, LargeValues& large)
    : resident_(resident),
      lines_(lines),
      large_(large),
      newest_resident_(database, "SELECT resident, (SELECT max(number) FROM resident) FROM store"),
      resident_rows_(database, "SELECT number, jobs FROM resident ORDER BY number DESC"),
      consumers_(database, "SELECT instance, late FROM consumer"),
      find_(database,
            "SELECT j.id, j.sequence, j.row, s.row FROM job j LEFT JOIN status s ON s.sequence = j.sequence "
            "WHERE j.id = ?"),
      status_(database, "SELECT row FROM status WHERE sequence = ?"),
      in_line_(database, "SELECT 1 FROM in_line WHERE line = ? AND rank = ? AND sequence = ?"),
      in_schedule_(database, "SELECT 1 FROM schedule WHERE due = ? AND sequence = ?"),
      line_(database,
            "SELECT j.id, j.sequence, j.row, s.row FROM in_line l CROSS JOIN job j ON j.id = l.id "
            "LEFT JOIN status s ON s.sequence = l.sequence WHERE l.line = ? AND (l.rank, l.sequence) >= (?, ?) "
            "ORDER BY l.rank, l.sequence LIMIT ?"),
      schedule_(database,
                "SELECT j.id, j.sequence, j.row, s.row, d.due FROM schedule d CROSS JOIN job j ON j.id = d.id "
                "LEFT JOIN status s ON s.sequence = d.sequence WHERE (d.due, d.sequence) >= (?, ?) "
                "ORDER BY d.due, d.sequence LIMIT ?"),
      expired_(database,
               "SELECT j.id, j.sequence, j.row, s.row FROM expiring e CROSS JOIN job j ON j.id = e.id "
               "LEFT JOIN status s ON s.sequence = e.sequence WHERE e.expires <= ? "
               "AND (e.expires, e.sequence) >= (?, ?) "
               "ORDER BY e.expires, e.sequence LIMIT ?"),
      list_(database,
            "SELECT j.id, j.sequence, j.row, s.row FROM job j LEFT JOIN status s ON s.sequence = j.sequence "
            "WHERE j.id < ? ORDER BY j.id DESC"),
      list_failed_(database,
                   "SELECT j.id, j.sequence, j.row, s.row FROM failed f CROSS JOIN job j ON j.id = f.id "
                   "LEFT JOIN status s ON s.sequence = j.sequence WHERE f.id < ? ORDER BY f.id DESC"),
      list_others_(database,
                   "SELECT j.id, j.sequence, j.row, s.row FROM listed_at l CROSS JOIN job j ON j.id = l.id "
                   "LEFT JOIN status s ON s.sequence = j.sequence WHERE (l.at, l.sequence) < (?, ?) "
                   "ORDER BY l.at DESC, l.sequence DESC") {}

std::optional<JobStatus> SqliteReader::status(std::uint64_t sequence) {
  auto rows = status_.query(sequence);
  return rows.next() ? std::optional(reader_.status(rows.blob(0))) : std::nullopt;
}

bool SqliteReader::is_in_line(const JobSpec& spec) {
  const auto line = lines_.number(spec);
  return line && in_line_.query(*line, line_key(spec).rank, spec.sequence).next();
}

bool SqliteReader::is_in_schedule(const JobSpec& spec) {
  return spec.due && in_schedule_.query(*spec.due, spec.sequence).next();
}

// Of a job without a row in `status`: nothing has happened to it, but that its time may have come.
JobState SqliteReader::waiting_state(const JobSpec& spec) {
  const bool is_scheduled = resident_.find(spec.sequence) == nullptr && is_in_schedule(spec);
  return is_scheduled ? JobState::scheduled : JobState::queued;
}

std::string SqliteReader::read_large(const LargeValue& value, Large how, std::size_t& left_out) {
  if (how == Large::read) return large_.read(value);
  if (how == Large::check) large_.check(value);
  left_out = value.size;
  return {};
}

StoredJob SqliteReader::stored(const Rows& rows, Large args, Large outcomes) {
  RowReader::Job row = reader_.job(id_in(rows.blob(0)), rows.number(1), rows.blob(2));
  SharedSpec spec = row.spec;
  JobStatus status;
  if (!rows.is_null(3)) {
    status = reader_.status(rows.blob(3));
  } else {
    status.state = waiting_state(*spec);
    if (status.state == JobState::scheduled) status.due = *spec->due;
  }
  const auto result = status.result;
  StoredJob job = stored_job(std::move(spec), std::move(status));
  if (row.large) {
    std::string& bytes = row.spec->args;
    bytes = read_large(row.large->value, args, job.args_left_out);
    const std::uint64_t positional = row.large->positional;
    if (bytes.size() > positional) {
      row.spec->kwargs = bytes.substr(positional);
      bytes.resize(positional);
    }
  }
  if (result && job.outcome) {
    std::string value = read_large(*result, outcomes, job.result_left_out);
    if (job.state != JobState::failed) {
      Outcome outcome = *job.outcome;
      outcome.result = std::move(value);
      job.outcome = std::make_shared<const Outcome>(std::move(outcome));
    } else if (outcomes == Large::read) {
      job.outcome = std::make_shared<const Outcome>(reader_.outcome(value));
    }
  }
  return job;
}

NamedResident SqliteReader::recover() {
  NamedResident named;
  {
    auto newest = newest_resident_.query();
    if (!newest.next()) throw StoreDamage("it has no counters");
    const std::uint64_t next_row = newest.is_null(1) ? 1 : newest.number(1) + 1;
    resident_.restore_newest(next_row, recover_row(decode_ids(newest.blob(0)), next_row, named));
  }
  auto rows = resident_rows_.query();
  while (rows.next()) {
    const std::uint64_t number = rows.number(0);
    const std::vector<JobId> ids = decode_ids(rows.blob(1));
    resident_.restore_row(number, ids.size(), recover_row(ids, number, named));
  }
  return named;
}

std::vector<std::uint64_t> SqliteReader::recover_row(const std::vector<JobId>& ids, std::uint64_t number,
                                                     NamedResident& named) {
  std::vector<std::uint64_t> left;
  for (const JobId& id : ids) {
    auto rows = find_.query(id);
    if (!rows.next()) continue;  // forgotten
    const std::uint64_t sequence = rows.number(1);
    const bool has_status = !rows.is_null(3);
    const JobStatus status = has_status ? RowReader::status_only(rows.blob(3)) : JobStatus{};
    const JobState state = status.state;
    if (is_final(state) && status.forget_at) named.ended.push_back({id, *status.forget_at});
    if (is_final(state) || state == JobState::scheduled || resident_.find(sequence) != nullptr) continue;
    // stored() asks whether it is resident.
    resident_.restore(sequence, {number, id, state == JobState::running, has_status});
    StoredJob job = stored(rows);
    if (is_in_line(*job.spec) || is_in_schedule(*job.spec)) {  // a new job, with the id of one that was forgotten
      resident_.take(sequence);
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

std::vector<std::optional<StoredJob>> SqliteReader::find(const std::vector<JobId>& ids, Large args) {
  std::vector<std::optional<StoredJob>> found;
  found.reserve(ids.size());
  std::size_t bytes = 0;
  for (auto id = ids.begin(); id != ids.end() && bytes < kPageBytes; ++id) {
    auto rows = find_.query(*id);
    found.push_back(rows.next() ? std::optional(stored(rows, args, Large::read)) : std::nullopt);
    if (found.back()) bytes += size_of(*found.back());
  }
  return found;
}

std::vector<StoredJob> SqliteReader::load_queued(const LineName& line, LineKey from, std::size_t limit,
                                                 std::size_t bytes) {
  std::vector<StoredJob> jobs;
  const auto number = lines_.number(line);
  if (!number) return jobs;
  auto rows = line_.query(*number, from.rank, from.sequence, limit);
  for (std::size_t size = 0; size < bytes && rows.next(); size += jobs.back().spec->size()) {
    jobs.push_back(stored(rows));
  }
  return jobs;
}

std::vector<StoredJob> SqliteReader::load_scheduled(ScheduleKey from, std::size_t limit, std::size_t bytes) {
  std::vector<StoredJob> jobs;
  auto rows = schedule_.query(from.due, from.sequence, limit);
  for (std::size_t size = 0; size < bytes && rows.next(); size += jobs.back().spec->size()) {
    jobs.push_back(stored(rows));
  }
  return jobs;
}

std::vector<StoredJob> SqliteReader::load_expired(WallTime latest, std::size_t limit, ExpiryKey from) {
  std::vector<StoredJob> jobs;
  auto rows = expired_.query(latest, from.due, from.sequence, limit);
  while (rows.next()) jobs.push_back(stored(rows));
  return jobs;
}

void SqliteReader::visit(const std::function<void(const StoredJob&)>& visitor) {
  auto rows = list_.query(kNewest);
  while (rows.next()) visitor(stored(rows, Large::check, Large::check));
}

// Whether the row of a job is one that the filter wants, as far as its status says.
bool SqliteReader::may_pass(const ListFilter& filter, const Rows& rows) const {
  const bool may_run = filter.state == JobState::running && resident_.find(rows.number(1)) != nullptr;
  return !filter.state || rows.is_null(3) || may_run || RowReader::status_only(rows.blob(3)).state == *filter.state;
}

bool SqliteReader::passes(const ListFilter& filter, const StoredJob& job) const {
  const bool may_run = filter.state == JobState::running && resident_.find(job.spec->sequence) != nullptr;
  if (filter.state && !may_run && job.state != *filter.state) return false;
  if (!filter.queue.empty() && job.spec->queue != filter.queue) return false;
  return filter.task.empty() || job.spec->task == filter.task;
}

// Two lists in one: the jobs by id, and those that are listed at another time than their ids name.
ListPage SqliteReader::list(const ListFilter& filter) {
  ListPage page;
  const auto from = ListPlace::parse(filter.after);
  if (!from) return page;
  const Large large = filter.with_large ? Large::read : Large::leave_out;
  auto by_id = (filter.state == JobState::failed ? list_failed_ : list_).query(from->id ? from->id->view() : kNewest);
  auto by_time = list_others_.query(from->at, from->sequence);
  bool has_id = by_id.next();
  std::optional<StoredJob> other;
  const auto next_other = [&] {
    by_time.next() ? static_cast<void>(other = stored(by_time, large, large)) : other.reset();
  };
  next_other();
  std::size_t bytes = 0;
  std::string place;
  const auto add = [&](StoredJob job) {
    if (!passes(filter, job)) return;
    bytes += size_of(job);
    page.jobs.push_back(std::move(job));
  };
  for (std::size_t looked_at = 0; has_id || other; ++looked_at) {
    if (looked_at == kLookAt || page.jobs.size() >= filter.limit || bytes >= kPageBytes) {
      page.next = place;
      break;
    }
    if (other && (!has_id || *other->spec->listed_at > WallTime(id_in(by_id.blob(0)).unix_time()))) {
      place = ListPlace::behind(*other->spec->listed_at, other->spec->sequence);
      add(std::move(*other));
      next_other();
    } else {
      place = ListPlace::behind(id_in(by_id.blob(0)));
      if (!has_place_in_lists(by_id.blob(2)) && may_pass(filter, by_id)) add(stored(by_id, large, large));
      has_id = by_id.next();
    }
  }
  return page;
}

}  // namespace zebu::broker
