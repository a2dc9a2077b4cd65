#include "tests/support/old_store.h"

#include "broker/store/sqlite/file_layer.h"
#include "broker/store/sqlite/page_checksums.h"
#include "broker/store/sqlite/rows.h"
#include "broker/store/sqlite/statement.h"
#include "zebu/wire/codec.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <array>
#include <optional>
#include <sqlite3.h>

namespace zebu::test {
namespace {

const char* const kTables = R"(
  CREATE TABLE store(id BLOB NOT NULL, commits INTEGER NOT NULL, counters BLOB NOT NULL,
    queues BLOB NOT NULL DEFAULT x'', at_hand BLOB NOT NULL DEFAULT x'', recent BLOB NOT NULL DEFAULT x'');
  CREATE TABLE job(id BLOB PRIMARY KEY, sequence INTEGER NOT NULL, row BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE standing(sequence INTEGER PRIMARY KEY, row BLOB NOT NULL);
  CREATE TABLE at_hand(number INTEGER PRIMARY KEY, jobs BLOB NOT NULL);
  CREATE TABLE line(queue INTEGER, rank INTEGER, sequence INTEGER, id BLOB NOT NULL,
    PRIMARY KEY(queue, rank, sequence)) WITHOUT ROWID;
  CREATE TABLE schedule(due INTEGER, sequence INTEGER, id BLOB NOT NULL, PRIMARY KEY(due, sequence)) WITHOUT ROWID;
  CREATE TABLE expiring(expires INTEGER, sequence INTEGER, id BLOB NOT NULL,
    PRIMARY KEY(expires, sequence)) WITHOUT ROWID;
  CREATE TABLE failed(id BLOB PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE unique_key(key BLOB PRIMARY KEY, id BLOB NOT NULL, until INTEGER) WITHOUT ROWID;
  CREATE TABLE forgetting(due INTEGER, number INTEGER, jobs BLOB NOT NULL, PRIMARY KEY(due, number)) WITHOUT ROWID;
  CREATE TABLE queue(number INTEGER PRIMARY KEY, name BLOB NOT NULL, queued INTEGER NOT NULL DEFAULT 0,
    scheduled INTEGER NOT NULL DEFAULT 0, payload INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
    paused INTEGER NOT NULL DEFAULT 0, reason BLOB NOT NULL DEFAULT x'', purge_up_to INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE consumer(instance BLOB PRIMARY KEY, late INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
  INSERT INTO store(id, commits, counters) VALUES(randomblob(16), 0, x'0100000000000000');
  PRAGMA application_id = 0x5a656275;
)";

std::unique_ptr<SQLite::Database> open_old(const std::string& path) {
  auto database =
      std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 0, broker::file_layer(""));
  int reserve = broker::kOldPageReserve;
  sqlite3_file_control(database->getHandle(), "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve);
  database->exec("PRAGMA page_size = " + std::to_string(broker::kPageSize));
  return database;
}

void append_number(std::string& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to += static_cast<char>((value & 0x7f) | 0x80);
  to += static_cast<char>(value);
}
void append_time(std::string& to, WallTime time) {
  append_number(to, static_cast<std::uint64_t>(time.time_since_epoch().count()));
}

// As broker/sqlite_rows.h of that version says.
std::string old_status(const broker::StoredJob& job, const std::optional<WallTime>& forget_at, bool has_unique) {
  const broker::Uses& uses = job.uses;
  unsigned flags = 0;
  if (uses.failures != 0 || uses.crashes != 0 || uses.losses != 0) flags |= 1;
  if (job.holder) flags |= 2;
  if (job.state == JobState::scheduled) flags |= 4;
  if (is_final(job.state)) flags |= 8;
  if (forget_at) flags |= 16;
  if (job.outcome) flags |= 32;
  if (has_unique) flags |= 64;
  if (job.cancel_asked) flags |= 128;
  std::string row;
  row += static_cast<char>(job.state);
  row += static_cast<char>(flags);
  append_number(row, uses.attempt);
  if ((flags & 1) != 0) {
    for (const std::uint32_t count : {uses.failures, uses.crashes, uses.losses}) append_number(row, count);
  }
  if (job.holder) row += job.holder->view();
  if ((flags & 4) != 0) append_time(row, job.due);
  if ((flags & 8) != 0) {
    append_time(row, job.finished);
    append_number(row, job.spec->queue.size());
    row += job.spec->queue;
  }
  if (forget_at) append_time(row, *forget_at);
  if (job.outcome) append_entry(row, message::report_of(job.spec->id, uses.attempt, *job.outcome));
  return row;
}

Uuid number_as_id(std::uint64_t number, std::uint8_t kind) {
  Uuid id;
  id.bytes = {0x01, 0x92, 0xf3, 0xa4, 0xb5, 0xc6, 0x70, kind};
  for (std::size_t i = 0; i < 8; ++i) id.bytes[8 + i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
  return id;
}

constexpr WallTime kNow{std::chrono::milliseconds{1'760'000'000'000}};
constexpr std::size_t kQueues = 5;
std::string queue_name(std::uint64_t number) { return "queue-" + std::to_string(number % kQueues); }

// The states in turn.
enum Kind {
  queued,
  running,
  in_line,
  in_line_again,
  scheduled,
  to_retry,
  succeeded,
  failed,
  cancelled,
  expired,
  kKinds
};

std::shared_ptr<broker::JobSpec> spec_of(std::uint64_t number, Kind kind) {
  using std::chrono::milliseconds;
  auto spec = std::make_shared<broker::JobSpec>();
  spec->id = number_as_id(number, 1);
  spec->sequence = number;
  spec->task = "task-" + std::to_string(number % 3);
  spec->queue = queue_name(number / kKinds);
  spec->args = std::string(number % 997 == 0 ? broker::kLargeValue + number % 1000 : number % 50, 'a');
  spec->options.priority = static_cast<std::uint8_t>(number / 7 % 10);
  spec->options.retry.max = 3;
  spec->options.headers = {{"traceparent", "00-" + std::to_string(number)}};
  spec->submitted = kNow + milliseconds(number);
  if (kind == scheduled) spec->options.delay = milliseconds(3'600'000);
  if (kind == scheduled) spec->due = kNow + milliseconds(3'600'000 + number % 1000);
  if (kind != queued && number % 4 == 0)
    spec->expires = spec->options.expires_at = kNow + milliseconds(86'400'000 + number);
  if (kind == in_line && number % 3 == 0) spec->options.unique = "key " + std::to_string(number);
  if (kind == succeeded && number % 3 == 0) {
    spec->options.unique = "key " + std::to_string(number);
    spec->options.unique_for = std::chrono::hours(1);
  }
  return spec;
}

broker::StoredJob job_of(std::uint64_t number, Kind kind) {
  static const std::array<JobState, kKinds> states = {
      JobState::queued,    JobState::running,   JobState::queued, JobState::queued,    JobState::scheduled,
      JobState::scheduled, JobState::succeeded, JobState::failed, JobState::cancelled, JobState::expired};
  broker::StoredJob job;
  job.spec = spec_of(number, kind);
  job.state = states.at(kind);
  if (kind == running || kind == to_retry || kind == in_line_again) job.uses = {3, 1, 1, 0};
  if (kind == running) job.holder = number_as_id(number % 3, 2);
  if (kind == running) job.cancel_asked = number % 2 == 0;
  if (kind == scheduled) job.due = *job.spec->due;
  if (kind == to_retry) job.due = kNow + std::chrono::milliseconds(number % 100'000);
  const broker::SharedOutcome failure =
      std::make_shared<const Outcome>(Outcome::failed({"Boom", "it broke " + std::to_string(number), {"here"}, {}}));
  if (kind == to_retry || kind == failed) job.outcome = failure;
  if (kind == failed || kind == succeeded) job.uses = {2, 1, 0, 0};
  if (kind == succeeded) {
    Outcome outcome;
    outcome.state = JobState::succeeded;
    outcome.result = std::string(number % 991 == 0 ? broker::kLargeValue * 3 + number % 1000 : number % 40, 'r');
    job.outcome = std::make_shared<const Outcome>(std::move(outcome));
  }
  if (kind == cancelled) job.outcome = std::make_shared<const Outcome>(Outcome::cancelled());
  if (kind == expired) job.outcome = std::make_shared<const Outcome>(Outcome::expired());
  if (is_final(job.state)) job.finished = kNow + std::chrono::milliseconds(number + 5);
  return job;
}

class OldWriter {
 public:
  explicit OldWriter(SQLite::Database& database) : database_(database) {}

  void add(std::uint64_t number, bool is_recent, OldJobs* to) {
    const Kind kind = static_cast<Kind>(number % kKinds);
    const broker::StoredJob job = job_of(number, kind);
    const broker::JobSpec& spec = *job.spec;
    const bool has_status = kind != queued && kind != in_line && kind != scheduled;
    const bool keeps_key = kind == succeeded && !spec.options.unique.empty();
    std::optional<WallTime> forget_at;
    if (kind == succeeded || kind == cancelled || kind == expired) forget_at = kNow + std::chrono::hours(24);
    const std::string row = broker::encode_job(spec);
    const std::string status = has_status ? old_status(job, forget_at, keeps_key) : "";
    if (is_recent) {
      broker::append_recent(recent_, {false, spec.id, number, row});
      if (has_status) broker::append_recent(recent_, {true, spec.id, number, status});
    } else {
      insert_job_.run(spec.id, number, Bytes(row));
      if (has_status) insert_status_.run(number, Bytes(status));
    }
    place(kind, job, to);
    if (!spec.options.unique.empty()) {
      const std::optional<WallTime> until =
          keeps_key ? std::optional(job.finished + spec.options.unique_for) : std::nullopt;
      insert_unique_.run(Bytes(spec.options.unique), spec.id, until);
    }
    if (kind == failed) insert_failed_.run(spec.id);
    if (forget_at) forgetting_.push_back(spec.id);
    if (forgetting_.size() >= 500) write_forgetting();
    if (resident_.size() >= 64) write_resident();
    count(job);
    if (to != nullptr) to->jobs.push_back(job);
  }

  void finish(std::uint64_t next, OldJobs& result) {
    write_forgetting();
    for (std::size_t i = 0; i < kQueues; ++i) {
      const Counts& each = counts_[i];
      const std::string name = queue_name(i);
      const std::string reason = i == 2 ? "the model is broken" : "";
      insert_queue_.run(i + 1, Bytes(name), each.queued, each.scheduled, each.payload, each.failed, i == 2 ? 1 : 0,
                        Bytes(reason));
      if (i == 2) result.settings.push_back({name, true, reason, {}});
    }
    for (std::uint64_t i = 0; i < 3; ++i) {
      insert_consumer_.run(number_as_id(i, 2), i == 1 ? 1 : 0);
      result.consumers.push_back({number_as_id(i, 2), i == 1});
    }
    std::string counters;
    append_number(counters, next);
    for (const std::uint64_t each : states_) append_number(counters, each);
    broker::Statement store(database_, "UPDATE store SET commits = 4711, counters = ?, at_hand = ?, recent = ?");
    store.run(Bytes(counters), Bytes(broker::encode_ids(resident_)), Bytes(recent_));
  }

 private:
  struct Counts {
    std::int64_t queued = 0, scheduled = 0, payload = 0, failed = 0;
  };

  void place(Kind kind, const broker::StoredJob& job, OldJobs* to) {
    const broker::JobSpec& spec = *job.spec;
    const std::uint64_t queue = spec.sequence / kKinds % kQueues + 1;
    if (kind == queued || kind == running) {
      resident_.push_back(spec.id);
      if (to != nullptr) to->resident.push_back(spec.id);
    }
    const bool is_in_line = kind == in_line || kind == in_line_again;
    if (is_in_line) insert_line_.run(queue, broker::line_key(spec).rank, spec.sequence, spec.id);
    if (is_in_line && to != nullptr) to->lines[spec.queue].push_back(spec.id);
    const bool is_scheduled = kind == scheduled || kind == to_retry;
    if (is_scheduled) insert_schedule_.run(job.due, spec.sequence, spec.id);
    if (spec.expires && (is_in_line || is_scheduled)) insert_expiring_.run(*spec.expires, spec.sequence, spec.id);
  }

  void count(const broker::StoredJob& job) {
    ++states_[static_cast<std::size_t>(job.state)];
    Counts& queue = counts_[job.spec->sequence / kKinds % kQueues];
    if (job.state == JobState::failed) ++queue.failed;
    if (job.state == JobState::queued) ++queue.queued;
    if (job.state == JobState::scheduled) ++queue.scheduled;
    if (job.state == JobState::queued || job.state == JobState::scheduled) {
      queue.payload += static_cast<std::int64_t>(job.spec->size() - sizeof(broker::JobSpec));
    }
  }

  void write_forgetting() {
    if (!forgetting_.empty()) {
      insert_forgetting_.run(kNow + std::chrono::hours(24), ++commits_, Bytes(broker::encode_ids(forgetting_)));
    }
    forgetting_.clear();
  }
  void write_resident() {
    insert_resident_.run(++commits_, Bytes(broker::encode_ids(resident_)));
    resident_.clear();
  }

  SQLite::Database& database_;
  std::array<Counts, kQueues> counts_;
  std::array<std::uint64_t, kJobStates> states_{};
  std::vector<JobId> forgetting_;
  std::vector<JobId> resident_;
  std::string recent_;
  std::uint64_t commits_ = 0;
  broker::Statement insert_job_{database_, "INSERT INTO job(id, sequence, row) VALUES(?, ?, ?)"};
  broker::Statement insert_status_{database_, "INSERT INTO standing(sequence, row) VALUES(?, ?)"};
  broker::Statement insert_line_{database_, "INSERT INTO line(queue, rank, sequence, id) VALUES(?, ?, ?, ?)"};
  broker::Statement insert_schedule_{database_, "INSERT INTO schedule(due, sequence, id) VALUES(?, ?, ?)"};
  broker::Statement insert_expiring_{database_, "INSERT INTO expiring(expires, sequence, id) VALUES(?, ?, ?)"};
  broker::Statement insert_failed_{database_, "INSERT INTO failed(id) VALUES(?)"};
  broker::Statement insert_unique_{database_, "INSERT INTO unique_key(key, id, until) VALUES(?, ?, ?)"};
  broker::Statement insert_forgetting_{database_, "INSERT INTO forgetting(due, number, jobs) VALUES(?, ?, ?)"};
  broker::Statement insert_resident_{database_, "INSERT INTO at_hand(number, jobs) VALUES(?, ?)"};
  broker::Statement insert_queue_{database_,
                                  "INSERT INTO queue(number, name, queued, scheduled, payload, failed, paused, reason) "
                                  "VALUES(?, ?, ?, ?, ?, ?, ?, ?)"};
  broker::Statement insert_consumer_{database_, "INSERT INTO consumer(instance, late) VALUES(?, ?)"};
};

}  // namespace

void make_old_store(const std::string& path, int format) {
  const auto database = open_old(path);
  database->exec(kTables);
  database->exec("PRAGMA user_version = " + std::to_string(format));
}

OldJobs fill_old_store(const std::string& path, std::uint64_t count, bool keeps) {
  make_old_store(path);
  const auto database = open_old(path);
  database->exec("PRAGMA journal_mode = WAL");
  database->exec("PRAGMA synchronous = OFF");
  database->exec("PRAGMA cache_size = -1000000");
  SQLite::Transaction transaction(*database);
  OldJobs result;
  OldWriter writer(*database);
  for (std::uint64_t number = 1; number <= count; ++number) {
    writer.add(number, number + 2 > count, keeps ? &result : nullptr);
  }
  writer.finish(count + 1, result);
  transaction.commit();
  for (auto& [queue, line] : result.lines) {
    const auto key = [&](const JobId& id) {
      std::uint64_t sequence = 0;
      for (std::size_t i = 8; i < 16; ++i) sequence = sequence << 8 | id.bytes.at(i);
      return broker::line_key(*result.jobs.at(sequence - 1).spec);
    };
    std::sort(line.begin(), line.end(), [&](const JobId& a, const JobId& b) { return key(a) < key(b); });
  }
  return result;
}

}  // namespace zebu::test
