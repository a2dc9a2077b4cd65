#include "broker/store/sqlite/schema.h"

#include <string>

namespace zebu::broker {
namespace {

// A job is one row of `job`, written once, and one of `status` as soon as something else than waiting has happened to
// it. Keys grow with time (UUIDv7, sequence), so both are appended to. An unfinished job is named by exactly one of
// resident, in_line and schedule; a finished one that is to be forgotten by a row of forgetting, which may name it too
// early, or by resident still. One whose id does not tell when it was accepted has a row in listed_at. One that failed
// has a row in failed and in failed_by_age. Arguments or a result of more than kLargeValue bytes are in `piece`, and
// the row names them by a number; `loose_value` has the numbers that no row names.
//
// All that each commit changes is in the one row of `store`, so that a commit of one job writes one page: counters, the
// counts of the queues that changed last, the newest part of resident, and the rows of the newest jobs (`recent`),
// which go into their tables with a later commit.
const char* const kTables = R"(
  CREATE TABLE store(id BLOB NOT NULL, commits INTEGER NOT NULL, counters BLOB NOT NULL,
    queues BLOB NOT NULL DEFAULT x'', resident BLOB NOT NULL DEFAULT x'', recent BLOB NOT NULL DEFAULT x'');
  CREATE TABLE job(id BLOB PRIMARY KEY, sequence INTEGER NOT NULL, row BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE status(sequence INTEGER PRIMARY KEY, row BLOB NOT NULL);
  CREATE TABLE resident(number INTEGER PRIMARY KEY, jobs BLOB NOT NULL);
  CREATE TABLE line(number INTEGER PRIMARY KEY, queue INTEGER NOT NULL, task BLOB NOT NULL, key BLOB NOT NULL);
  CREATE TABLE in_line(line INTEGER, rank INTEGER, sequence INTEGER, id BLOB NOT NULL,
    PRIMARY KEY(line, rank, sequence)) WITHOUT ROWID;
  CREATE TABLE schedule(due INTEGER, sequence INTEGER, id BLOB NOT NULL, PRIMARY KEY(due, sequence)) WITHOUT ROWID;
  CREATE TABLE expiring(expires INTEGER, sequence INTEGER, id BLOB NOT NULL,
    PRIMARY KEY(expires, sequence)) WITHOUT ROWID;
  CREATE TABLE listed_at(at INTEGER, sequence INTEGER, id BLOB NOT NULL, PRIMARY KEY(at, sequence)) WITHOUT ROWID;
  CREATE TABLE failed(id BLOB PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE failed_by_age(queue INTEGER, finished INTEGER, id BLOB,
    PRIMARY KEY(queue, finished, id)) WITHOUT ROWID;
  CREATE TABLE unique_key(key BLOB PRIMARY KEY, id BLOB NOT NULL, until INTEGER) WITHOUT ROWID;
  CREATE TABLE forgetting(due INTEGER, number INTEGER, jobs BLOB NOT NULL, PRIMARY KEY(due, number)) WITHOUT ROWID;
  CREATE TABLE queue(number INTEGER PRIMARY KEY, name BLOB NOT NULL, queued INTEGER NOT NULL,
    scheduled INTEGER NOT NULL, payload INTEGER NOT NULL, failed INTEGER NOT NULL, paused INTEGER NOT NULL,
    reason BLOB NOT NULL, purge_up_to INTEGER NOT NULL, paused_by BLOB NOT NULL, paused_at INTEGER);
  CREATE TABLE piece(key INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
  CREATE TABLE loose_value(number INTEGER PRIMARY KEY);
  CREATE TABLE consumer(instance BLOB PRIMARY KEY, late INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO store(id, commits, counters) VALUES(randomblob(16), 0, x'0100000000000000');
)";

}  // namespace

int format_of(SQLite::Database& database) { return database.execAndGet("PRAGMA user_version").getInt(); }

void create_tables(SQLite::Database& database) {
  SQLite::Transaction transaction(database);
  database.exec(kTables);
  database.exec("PRAGMA application_id = " + std::to_string(kApplicationId));
  database.exec("PRAGMA user_version = " + std::to_string(kFormat));
  transaction.commit();
}

}  // namespace zebu::broker
