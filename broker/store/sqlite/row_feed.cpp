#include "broker/store/sqlite/row_feed.h"

#include <new>
#include <sqlite3.h>

namespace zebu::broker {

// SQLite's virtual table (https://sqlite.org/vtab.html), of the kind that exists without CREATE.
struct RowFeed::Table {
  sqlite3_vtab base;
  RowFeed* feed;
};
struct RowFeed::Cursor {
  sqlite3_vtab_cursor base;
  std::size_t at;
};

struct RowFeed::Module {
  static const RowFeed& feed(sqlite3_vtab_cursor* cursor) { return *reinterpret_cast<Table*>(cursor->pVtab)->feed; }
  static std::size_t& at(sqlite3_vtab_cursor* cursor) { return reinterpret_cast<Cursor*>(cursor)->at; }

  template <class Object, class Base>
  static int give(Base** to, const Object& object) {
    auto* made = new (std::nothrow) Object(object);
    if (made == nullptr) return SQLITE_NOMEM;
    *to = &made->base;
    return SQLITE_OK;
  }

  static int connect(sqlite3* database, void* feed, int, const char* const*, sqlite3_vtab** table, char**) {
    const int rc = sqlite3_declare_vtab(database, "CREATE TABLE feed(id, sequence, row)");
    return rc == SQLITE_OK ? give(table, Table{{}, static_cast<RowFeed*>(feed)}) : rc;
  }
  static int disconnect(sqlite3_vtab* table) {
    delete reinterpret_cast<Table*>(table);
    return SQLITE_OK;
  }
  static int plan(sqlite3_vtab*, sqlite3_index_info*) { return SQLITE_OK; }
  static int open(sqlite3_vtab*, sqlite3_vtab_cursor** cursor) { return give(cursor, Cursor{{}, 0}); }
  static int close(sqlite3_vtab_cursor* cursor) {
    delete reinterpret_cast<Cursor*>(cursor);
    return SQLITE_OK;
  }
  static int begin(sqlite3_vtab_cursor* cursor, int, const char*, int, sqlite3_value**) {
    at(cursor) = 0;
    return SQLITE_OK;
  }
  static int next(sqlite3_vtab_cursor* cursor) {
    ++at(cursor);
    return SQLITE_OK;
  }
  static int is_at_end(sqlite3_vtab_cursor* cursor) { return at(cursor) >= feed(cursor).size() ? 1 : 0; }
  static int column(sqlite3_vtab_cursor* cursor, sqlite3_context* to, int column) {
    const Row& row = feed(cursor).rows_[at(cursor)];
    if (column == 0) {
      const Bytes id = row.id.view();
      sqlite3_result_blob(to, id.data(), static_cast<int>(id.size()), SQLITE_STATIC);
    } else if (column == 1) {
      sqlite3_result_int64(to, static_cast<std::int64_t>(row.sequence));
    } else {
      const Bytes bytes = feed(cursor).row(at(cursor));
      sqlite3_result_blob64(to, bytes.data(), bytes.size(), SQLITE_STATIC);
    }
    return SQLITE_OK;
  }
  static int rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* id) {
    *id = static_cast<sqlite3_int64>(at(cursor));
    return SQLITE_OK;
  }
};

RowFeed::RowFeed(SQLite::Database& database, const char* name) {
  static const sqlite3_module module = [] {
    sqlite3_module m{};
    m.xConnect = Module::connect;
    m.xBestIndex = Module::plan;
    m.xDisconnect = Module::disconnect;
    m.xOpen = Module::open;
    m.xClose = Module::close;
    m.xFilter = Module::begin;
    m.xNext = Module::next;
    m.xEof = Module::is_at_end;
    m.xColumn = Module::column;
    m.xRowid = Module::rowid;
    return m;
  }();
  if (sqlite3_create_module(database.getHandle(), name, &module, this) != SQLITE_OK) {
    throw SQLite::Exception(database.getHandle());
  }
}

void RowFeed::add(const Uuid& id, std::uint64_t sequence) { rows_.push_back({id, sequence, bytes_.size()}); }

void RowFeed::clear() {
  rows_.clear();
  bytes_.clear();
}

Bytes RowFeed::row(std::size_t index) const {
  const std::size_t end = index + 1 < rows_.size() ? rows_[index + 1].begin : bytes_.size();
  return Bytes(bytes_).substr(rows_[index].begin, end - rows_[index].begin);
}

}  // namespace zebu::broker
