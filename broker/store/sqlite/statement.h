#pragma once

#include "zebu/ids.h"
#include "zebu/job.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <concepts>
#include <cstdint>
#include <optional>

namespace zebu::broker {

// The rows of a running query. Its end ends the query, and with it the read transaction that it may be.
class Rows {
 public:
  explicit Rows(SQLite::Statement& statement) : statement_(statement) {}
  ~Rows() { statement_.tryReset(); }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  // False at the end. The views of a row live until the next call.
  [[nodiscard]] bool next() { return statement_.executeStep(); }

  [[nodiscard]] bool is_null(int column) const { return statement_.isColumnNull(column); }
  [[nodiscard]] std::int64_t integer(int column) const { return statement_.getColumn(column).getInt64(); }
  [[nodiscard]] std::uint64_t number(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  [[nodiscard]] WallTime time(int column) const { return WallTime(std::chrono::milliseconds(integer(column))); }
  [[nodiscard]] Bytes blob(int column) const {
    const SQLite::Column value = statement_.getColumn(column);
    const auto* bytes = static_cast<const char*>(value.getBlob());
    return {bytes, static_cast<std::size_t>(value.getBytes())};
  }

 private:
  SQLite::Statement& statement_;
};

// A prepared statement. Bound values are not copied: they must live until the statement has run, or its rows have
// ended.
class Statement {
 public:
  Statement(SQLite::Database& database, const char* sql) : statement_(database, sql) {}

  // Returns how many rows it changed.
  template <class... Args>
  std::size_t run(const Args&... args) {
    const Rows end(statement_);
    bind_all(args...);
    return static_cast<std::size_t>(statement_.exec());
  }
  template <class... Args>
  [[nodiscard]] Rows query(const Args&... args) {
    statement_.reset();
    bind_all(args...);
    return Rows(statement_);
  }

 private:
  template <class... Args>
  void bind_all(const Args&... args) {
    int index = 0;
    (bind(++index, args), ...);
  }
  void bind(int index, std::integral auto value) { statement_.bind(index, static_cast<std::int64_t>(value)); }
  void bind(int index, WallTime value) { bind(index, value.time_since_epoch().count()); }
  void bind(int index, const std::optional<WallTime>& value) {
    if (value) return bind(index, *value);
    statement_.bind(index);
  }
  void bind(int index, const Uuid& value) { bind(index, value.view()); }
  void bind(int index, Bytes value) {
    // SQLite takes a null pointer for NULL.
    statement_.bindNoCopy(index, value.data() == nullptr ? "" : value.data(), static_cast<int>(value.size()));
  }

  SQLite::Statement statement_;
};

}  // namespace zebu::broker
