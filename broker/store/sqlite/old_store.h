#pragma once

#include "broker/store/sqlite/large_values.h"
#include "broker/store/sqlite/rows.h"
#include "broker/store/sqlite/schema.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace zebu::broker {

// A primary key's columns: where a copy goes on.
using KeyPart = std::variant<std::int64_t, std::string>;
using Key = std::vector<KeyPart>;

// Copies the tables of a store of Zebu 0.1.0 into the tables of this version, row by row, in the order of their keys.
// What differs: states have other numbers, a line is one of a queue and a task, a unique key belongs to its queue,
// failed jobs are ordered by age as well, and large values are in pieces. Throws SQLite::Exception and StoreDamage.
class OldStore {
 public:
  OldStore(SQLite::Database& old, SQLite::Database& fresh);

  // A table of the old store, in the order in which they are copied.
  struct Table {
    const char* name;
    const char* rows;  // those after a key: the key's columns first, as many as the key has
    Key begin;         // before the first row
    void (OldStore::*copy)(SQLite::Statement& row);
  };
  [[nodiscard]] static std::span<const Table> tables();

  // Rows that the old store's newest commits have not put into their tables yet.
  void copy_recent();
  // Up to `rows` rows, and no more after `bytes` bytes, of a table after `key`, which becomes the last one's. Returns
  // how many.
  [[nodiscard]] std::size_t copy(const Table& table, Key& key, std::size_t rows, std::size_t bytes);
  // All that each commit changes.
  void copy_store_row();
  // For a copy that goes on.
  void load();

  // Compares how many rows there are. Returns what differs.
  [[nodiscard]] std::vector<std::string> differences();
  [[nodiscard]] std::uint64_t jobs();

 private:
  void copy_queue(SQLite::Statement& row);
  void copy_job(SQLite::Statement& row);
  void copy_status(SQLite::Statement& row);
  void copy_in_line(SQLite::Statement& row);
  void copy_schedule(SQLite::Statement& row);
  void copy_expiring(SQLite::Statement& row);
  void copy_failed(SQLite::Statement& row);
  void copy_unique_key(SQLite::Statement& row);
  void copy_forgetting(SQLite::Statement& row);
  void copy_resident(SQLite::Statement& row);
  void copy_consumer(SQLite::Statement& row);

  void add_job(const JobId& id, std::uint64_t sequence, Bytes row);
  void add_status(std::uint64_t sequence, Bytes row);
  [[nodiscard]] SharedSpec job_of(Bytes id);
  [[nodiscard]] std::int64_t line_of(std::int64_t queue, const std::string& task);

  SQLite::Database& old_;
  SQLite::Database& fresh_;
  RowReader read_;
  LargeValues large_;
  std::map<std::string, std::int64_t> queues_;
  std::map<std::pair<std::int64_t, std::string>, std::int64_t> lines_;
  std::size_t copied_bytes_ = 0;
  Statement insert_queue_;
  Statement insert_job_;
  Statement insert_status_;
  Statement insert_large_;
  Statement find_large_;
  Statement find_job_;
  Statement find_status_;
  Statement insert_line_;
  Statement insert_in_line_;
  Statement insert_schedule_;
  Statement insert_expiring_;
  Statement insert_failed_;
  Statement insert_failed_by_age_;
  Statement insert_unique_;
  Statement insert_forgetting_;
  Statement insert_resident_;
  Statement insert_consumer_;
};

}  // namespace zebu::broker
