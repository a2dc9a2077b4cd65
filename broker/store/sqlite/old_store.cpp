#include "broker/store/sqlite/old_store.h"

#include "broker/store/sqlite/codes.h"

#include <array>
#include <limits>
#include <utility>

namespace zebu::broker {
namespace {

constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();
// The flags that had other numbers: what they were, and are (JobStatus in rows.h).
constexpr std::array<std::pair<unsigned, unsigned>, 2> kFlags = {{{64, 128}, {128, 256}}};  // has_unique, cancel_asked
constexpr unsigned kSameFlags = 63;

Bytes blob(SQLite::Statement& row, int column) {
  const SQLite::Column value = row.getColumn(column);
  return {static_cast<const char*>(value.getBlob()), static_cast<std::size_t>(value.getBytes())};
}
std::int64_t integer(SQLite::Statement& row, int column) { return row.getColumn(column).getInt64(); }

// The states had the numbers of their order, and the flags were one byte.
std::string status_row(Bytes old) {
  if (old.size() < 2) throw StoreDamage("a row is too short");
  const auto state = static_cast<unsigned char>(old[0]);
  const unsigned old_flags = static_cast<unsigned char>(old[1]);
  unsigned flags = old_flags & kSameFlags;
  for (const auto& [was, is] : kFlags) {
    if ((old_flags & was) != 0) flags |= is;
  }
  if (state >= kJobStates) throw StoreDamage("a job's state has the unknown number " + std::to_string(state));
  std::string row;
  row.reserve(old.size() + 1);
  row += static_cast<char>(code_of(static_cast<JobState>(state)));
  for (; flags >= 128; flags >>= 7) row += static_cast<char>(flags | 128U);
  row += static_cast<char>(flags);
  row += old.substr(2);
  return row;
}

}  // namespace

OldStore::OldStore(SQLite::Database& old, SQLite::Database& fresh)
    : old_(old),
      fresh_(fresh),
      large_(fresh),
      insert_queue_(
          fresh,
          "INSERT INTO queue(number, name, queued, scheduled, payload, failed, paused, reason, purge_up_to, paused_by) "
          "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, x'')"),
      insert_job_(fresh, "INSERT INTO job(id, sequence, row) VALUES(?, ?, ?)"),
      insert_status_(fresh, "INSERT INTO status(sequence, row) VALUES(?, ?)"),
      insert_large_(fresh, "INSERT INTO migrated_large(sequence, id, number, size) VALUES(?, ?, ?, ?)"),
      find_large_(fresh, "SELECT id, number, size FROM migrated_large WHERE sequence = ?"),
      find_job_(fresh, "SELECT sequence, row FROM job WHERE id = ?"),
      find_status_(fresh, "SELECT row FROM status WHERE sequence = ?"),
      insert_line_(fresh, "INSERT INTO line(number, queue, task, key) VALUES(?, ?, ?, x'')"),
      insert_in_line_(fresh, "INSERT INTO in_line(line, rank, sequence, id) VALUES(?, ?, ?, ?)"),
      insert_schedule_(fresh, "INSERT INTO schedule(due, sequence, id) VALUES(?, ?, ?)"),
      insert_expiring_(fresh, "INSERT INTO expiring(expires, sequence, id) VALUES(?, ?, ?)"),
      insert_failed_(fresh, "INSERT INTO failed(id) VALUES(?)"),
      insert_failed_by_age_(fresh, "INSERT INTO failed_by_age(queue, finished, id) VALUES(?, ?, ?)"),
      insert_unique_(fresh, "INSERT INTO unique_key(key, id, until) VALUES(?, ?, ?)"),
      insert_forgetting_(fresh, "INSERT INTO forgetting(due, number, jobs) VALUES(?, ?, ?)"),
      insert_resident_(fresh, "INSERT INTO resident(number, jobs) VALUES(?, ?)"),
      insert_consumer_(fresh, "INSERT INTO consumer(instance, late) VALUES(?, ?)") {}

// A table comes after those that its copy looks into.
std::span<const OldStore::Table> OldStore::tables() {
  static const std::vector<Table> tables = {
      {"queue",
       "SELECT number, name, queued, scheduled, payload, failed, paused, reason, purge_up_to FROM queue "
       "WHERE number > ? ORDER BY number LIMIT ?",
       {kFirst},
       &OldStore::copy_queue},
      {"job", "SELECT id, sequence, row FROM job WHERE id > ? ORDER BY id LIMIT ?", {""}, &OldStore::copy_job},
      {"standing",
       "SELECT sequence, row FROM standing WHERE sequence > ? ORDER BY sequence LIMIT ?",
       {kFirst},
       &OldStore::copy_status},
      {"line",
       "SELECT queue, rank, sequence, id FROM line WHERE (queue, rank, sequence) > (?, ?, ?) "
       "ORDER BY queue, rank, sequence LIMIT ?",
       {kFirst, kFirst, kFirst},
       &OldStore::copy_in_line},
      {"schedule",
       "SELECT due, sequence, id FROM schedule WHERE (due, sequence) > (?, ?) ORDER BY due, sequence LIMIT ?",
       {kFirst, kFirst},
       &OldStore::copy_schedule},
      {"expiring",
       "SELECT expires, sequence, id FROM expiring WHERE (expires, sequence) > (?, ?) ORDER BY expires, sequence "
       "LIMIT ?",
       {kFirst, kFirst},
       &OldStore::copy_expiring},
      {"failed", "SELECT id FROM failed WHERE id > ? ORDER BY id LIMIT ?", {""}, &OldStore::copy_failed},
      {"unique_key",
       "SELECT key, id, until FROM unique_key WHERE key > ? ORDER BY key LIMIT ?",
       {""},
       &OldStore::copy_unique_key},
      {"forgetting",
       "SELECT due, number, jobs FROM forgetting WHERE (due, number) > (?, ?) ORDER BY due, number LIMIT ?",
       {kFirst, kFirst},
       &OldStore::copy_forgetting},
      {"at_hand",
       "SELECT number, jobs FROM at_hand WHERE number > ? ORDER BY number LIMIT ?",
       {kFirst},
       &OldStore::copy_resident},
      {"consumer",
       "SELECT instance, late FROM consumer WHERE instance > ? ORDER BY instance LIMIT ?",
       {""},
       &OldStore::copy_consumer},
  };
  return tables;
}

void OldStore::load() {
  large_.load();
  SQLite::Statement queues(fresh_, "SELECT number, name FROM queue");
  while (queues.executeStep()) queues_.emplace(blob(queues, 1), integer(queues, 0));
  SQLite::Statement lines(fresh_, "SELECT number, queue, task FROM line");
  while (lines.executeStep()) {
    lines_.emplace(std::pair(integer(lines, 1), std::string(blob(lines, 2))), integer(lines, 0));
  }
}

std::size_t OldStore::copy(const Table& table, Key& key, std::size_t rows, std::size_t bytes) {
  SQLite::Statement select(old_, table.rows);
  int index = 0;
  for (const KeyPart& part : key) {
    ++index;
    if (const auto* number = std::get_if<std::int64_t>(&part)) {
      select.bind(index, *number);
    } else {
      const std::string& text = std::get<std::string>(part);
      select.bind(index, text.data(), static_cast<int>(text.size()));
    }
  }
  select.bind(++index, static_cast<std::int64_t>(rows));
  copied_bytes_ = 0;
  std::size_t copied = 0;
  while (copied_bytes_ < bytes && select.executeStep()) {
    (this->*table.copy)(select);
    ++copied;
    for (std::size_t column = 0; column < key.size(); ++column) {
      const int at = static_cast<int>(column);
      std::holds_alternative<std::int64_t>(key[column]) ? key[column] = integer(select, at)
                                                        : key[column] = std::string(blob(select, at));
    }
  }
  return copied;
}

// ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

void OldStore::copy_recent() {
  SQLite::Statement store(old_, "SELECT recent FROM store");
  if (!store.executeStep()) throw StoreDamage("it has no counters");
  const std::string recent(blob(store, 0));
  for (const RecentRow& row : decode_recent(recent)) {
    if (!row.is_status) add_job(row.id, row.sequence, row.row);
  }
  for (const RecentRow& row : decode_recent(recent)) {
    if (row.is_status) add_status(row.sequence, row.row);
  }
}

void OldStore::copy_job(SQLite::Statement& row) {
  add_job(id_in(blob(row, 0)), static_cast<std::uint64_t>(integer(row, 1)), blob(row, 2));
}

// Each row is read, so that this version can read all that it is given.
void OldStore::add_job(const JobId& id, std::uint64_t sequence, Bytes row) {
  copied_bytes_ += row.size();
  const SharedSpec spec = read_.job(id, sequence, row).spec;
  if (spec->args.size() <= kLargeValue) return (void)insert_job_.run(id, sequence, row);
  const ValueName name{id, 0};
  const LargeValue args = large_.place_for(name, spec->args.size());
  large_.take(name, args, spec->args);
  insert_job_.run(id, sequence, Bytes(encode_job(*spec, args)));
  insert_large_.run(sequence, id, args.number, args.size);
}

void OldStore::copy_status(SQLite::Statement& row) {
  add_status(static_cast<std::uint64_t>(integer(row, 0)), blob(row, 1));
}

void OldStore::add_status(std::uint64_t sequence, Bytes old) {
  copied_bytes_ += old.size();
  const std::string row = status_row(old);
  JobStatus status = read_.status(row);
  const bool has_large_result = status.outcome && status.outcome->result.size() > kLargeValue;
  JobId id;
  if (is_final(status.state)) {
    auto large = find_large_.query(sequence);
    if (large.next()) {
      id = id_in(large.blob(0));
      status.args = LargeValue{large.number(1), large.number(2)};
    }
  }
  if (!has_large_result && !status.args) return (void)insert_status_.run(sequence, Bytes(row));
  if (has_large_result) {
    id = read_.job_of_outcome(row);
    const ValueName name{id, status.uses.attempt};
    status.result = large_.place_for(name, status.outcome->result.size());
    large_.take(name, *status.result, status.outcome->result);
  }
  insert_status_.run(sequence, Bytes(encode_status(id, status)));
}

SharedSpec OldStore::job_of(Bytes id) {
  auto rows = find_job_.query(id);
  if (!rows.next()) return nullptr;
  return read_.job(id_in(id), rows.number(0), rows.blob(1)).spec;
}

// ── places ──────────────────────────────────────────────────────────────────────────────────────────────────────────

std::int64_t OldStore::line_of(std::int64_t queue, const std::string& task) {
  const auto [line, is_new] = lines_.try_emplace({queue, task}, static_cast<std::int64_t>(lines_.size()) + 1);
  if (is_new) insert_line_.run(line->second, queue, Bytes(task));
  return line->second;
}

void OldStore::copy_in_line(SQLite::Statement& row) {
  const Bytes id = blob(row, 3);
  const SharedSpec spec = job_of(id);
  if (!spec) throw StoreDamage("job " + id_in(id).to_string() + " is in line and has no row");
  insert_in_line_.run(line_of(integer(row, 0), spec->task), integer(row, 1), integer(row, 2), id);
}

void OldStore::copy_schedule(SQLite::Statement& row) {
  insert_schedule_.run(integer(row, 0), integer(row, 1), blob(row, 2));
}

void OldStore::copy_expiring(SQLite::Statement& row) {
  insert_expiring_.run(integer(row, 0), integer(row, 1), blob(row, 2));
}

void OldStore::copy_resident(SQLite::Statement& row) {
  copied_bytes_ += blob(row, 1).size();
  insert_resident_.run(integer(row, 0), blob(row, 1));
}

// ── the rest ────────────────────────────────────────────────────────────────────────────────────────────────────────

void OldStore::copy_queue(SQLite::Statement& row) {
  const Bytes name = blob(row, 1);
  insert_queue_.run(integer(row, 0), name, integer(row, 2), integer(row, 3), integer(row, 4), integer(row, 5),
                    integer(row, 6), blob(row, 7), integer(row, 8));
  queues_.emplace(name, integer(row, 0));
}

void OldStore::copy_failed(SQLite::Statement& row) {
  const JobId id = id_in(blob(row, 0));
  const SharedSpec spec = job_of(id.view());
  if (!spec) throw StoreDamage("job " + id.to_string() + " has failed and has no row");
  auto statuses = find_status_.query(spec->sequence);
  if (!statuses.next()) throw StoreDamage("job " + id.to_string() + " has failed and has no outcome");
  const auto queue = queues_.find(spec->queue);
  if (queue == queues_.end()) throw StoreDamage("job " + id.to_string() + " is of an unknown queue");
  insert_failed_.run(id);
  insert_failed_by_age_.run(queue->second, RowReader::status_only(statuses.blob(0)).finished, id);
}

// A key was one of the whole store.
void OldStore::copy_unique_key(SQLite::Statement& row) {
  const Bytes id = blob(row, 1);
  const SharedSpec spec = job_of(id);
  if (!spec) throw StoreDamage("job " + id_in(id).to_string() + " has a unique key and has no row");
  const std::optional<WallTime> until =
      row.getColumn(2).isNull() ? std::nullopt : std::optional(WallTime(std::chrono::milliseconds(integer(row, 2))));
  const std::string name = unique_name(*spec);
  insert_unique_.run(Bytes(name), id, until);
}

void OldStore::copy_forgetting(SQLite::Statement& row) {
  copied_bytes_ += blob(row, 2).size();
  insert_forgetting_.run(integer(row, 0), integer(row, 1), blob(row, 2));
}

void OldStore::copy_consumer(SQLite::Statement& row) { insert_consumer_.run(blob(row, 0), integer(row, 1)); }

void OldStore::copy_store_row() {
  SQLite::Statement store(old_, "SELECT id, commits, counters, queues, at_hand FROM store");
  if (!store.executeStep()) throw StoreDamage("it has no counters");
  Statement update(fresh_, "UPDATE store SET id = ?, commits = ?, counters = ?, queues = ?, resident = ?");
  update.run(blob(store, 0), integer(store, 1), blob(store, 2), blob(store, 3), blob(store, 4));
}

// ── comparing ───────────────────────────────────────────────────────────────────────────────────────────────────────

std::uint64_t OldStore::jobs() {
  return static_cast<std::uint64_t>(fresh_.execAndGet("SELECT count(*) FROM job").getInt64());
}

std::vector<std::string> OldStore::differences() {
  SQLite::Statement store(old_, "SELECT recent FROM store");
  std::array<std::int64_t, 2> recent{};  // jobs, statuses
  if (store.executeStep()) {
    for (const RecentRow& row : decode_recent(blob(store, 0))) ++recent[row.is_status ? 1 : 0];
  }
  struct Pair {
    const char* before;
    const char* after;
    std::int64_t more = 0;
  };
  std::vector<std::string> found;
  for (const Pair& pair : std::to_array<Pair>({{"job", "job", recent[0]},
                                               {"standing", "status", recent[1]},
                                               {"line", "in_line"},
                                               {"schedule", "schedule"},
                                               {"expiring", "expiring"},
                                               {"failed", "failed"},
                                               {"failed", "failed_by_age"},
                                               {"unique_key", "unique_key"},
                                               {"forgetting", "forgetting"},
                                               {"at_hand", "resident"},
                                               {"queue", "queue"},
                                               {"consumer", "consumer"}})) {
    const auto rows = [](SQLite::Database& database, const char* table) {
      return database.execAndGet(std::string("SELECT count(*) FROM ") + table).getInt64();
    };
    const std::int64_t before = rows(old_, pair.before) + pair.more;
    const std::int64_t after = rows(fresh_, pair.after);
    if (before == after) continue;
    found.push_back("the old store has " + std::to_string(before) + " rows in '" + pair.before + "', and the new one " +
                    std::to_string(after) + " in '" + pair.after + "'");
  }
  return found;
}

}  // namespace zebu::broker
