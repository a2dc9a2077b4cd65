#include "tests/support/old_store.h"

#include "broker/store/sqlite/file_layer.h"
#include "broker/store/sqlite/page_checksums.h"

#include <SQLiteCpp/SQLiteCpp.h>

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

}  // namespace

void make_old_store(const std::string& path, int format) {
  SQLite::Database database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 0, broker::file_layer(""));
  int reserve = broker::kOldPageReserve;
  sqlite3_file_control(database.getHandle(), "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve);
  database.exec("PRAGMA page_size = " + std::to_string(broker::kPageSize));
  database.exec(kTables);
  database.exec("PRAGMA user_version = " + std::to_string(format));
}

}  // namespace zebu::test
