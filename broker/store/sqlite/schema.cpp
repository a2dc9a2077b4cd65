#include "broker/store/sqlite/schema.h"

#include <vector>

namespace zebu::broker {
namespace {

// A job is one row of `job`, written once, and one of `standing` as soon as something else than waiting has happened to
// it. Keys grow with time (UUIDv7, sequence), so both are appended to. An unfinished job is named by exactly one of
// at_hand, line and schedule; a finished one that is to be forgotten by a row of forgetting, which may name it too
// early, or by at_hand still.
const char* const kVersion1 = R"(
  CREATE TABLE store(id BLOB NOT NULL, commits INTEGER NOT NULL, counters BLOB NOT NULL);
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
  CREATE TABLE consumer(instance BLOB PRIMARY KEY) WITHOUT ROWID;
  INSERT INTO store VALUES(randomblob(16), 0, x'0100000000000000');
)";

// What each commit changes goes into the one row of `store`, so that a commit of one job writes two pages: the counts
// of the queues that changed last, and the newest part of at_hand.
const char* const kVersion2 = R"(
  ALTER TABLE store ADD COLUMN queues BLOB NOT NULL DEFAULT x'';
  ALTER TABLE store ADD COLUMN at_hand BLOB NOT NULL DEFAULT x'';
)";

// Whether a consumer is late (ConsumerChanged).
const char* const kVersion3 = R"(
  ALTER TABLE consumer ADD COLUMN late INTEGER NOT NULL DEFAULT 0;
)";

// Rows of the newest jobs and standings, which go into their tables with a later commit: so that a commit of one job
// writes one page.
const char* const kVersion4 = R"(
  ALTER TABLE store ADD COLUMN recent BLOB NOT NULL DEFAULT x'';
)";

}  // namespace

std::span<const std::string> schema_steps() {
  static const std::vector<std::string> steps = {kVersion1, kVersion2, kVersion3, kVersion4};
  return steps;
}

int schema_version(SQLite::Database& database) { return database.execAndGet("PRAGMA user_version").getInt(); }

void migrate(SQLite::Database& database, std::span<const std::string> steps) {
  const auto version = static_cast<std::size_t>(schema_version(database));
  if (version >= steps.size()) return;
  SQLite::Transaction transaction(database);
  for (const std::string& step : steps.subspan(version)) database.exec(step);
  database.exec("PRAGMA application_id = " + std::to_string(kApplicationId));
  database.exec("PRAGMA user_version = " + std::to_string(steps.size()));
  transaction.commit();
}

}  // namespace zebu::broker
