#pragma once

#include "broker/store/sqlite/page_checksums.h"

#include <optional>
#include <string>

struct sqlite3;

namespace zebu::broker {

class DiskRoom;

// The layer between SQLite and its files (a VFS). It does three things:
// - Each page of a database gets a checksum when it is written to the file. It is compared whenever the page is read: a
//   damaged page is an error (SQLITE_IOERR_DATA), never an answer, and so is a page that is missing. SQLite may report
//   that error as any other, so damage_found() says what was found. Files that were not made with kPageSize and
//   kPageReserve (or kOldPageReserve) have no checksums, and are passed through.
// - Writes of a database and its write-ahead log that follow each other in the file are gathered and written as one,
//   at the latest when the file is synced. This wants `synchronous = FULL`: only what has been synced may be relied on.
// - A write that finds no room is tried again, as DiskRoom says: SQLite itself would take the commit back.

// The name of the SQLite file layer (VFS) that does so above the one called `below`; empty: the system's own.
// Registered at the first call.
[[nodiscard]] std::string file_layer(const std::string& below);
// Which checksum the main file of a database has; none if it was not opened with such a layer.
[[nodiscard]] PageChecksum page_checksum(sqlite3* database);
// From now on writes to the database and its write-ahead log, which is open, ask `room` when they find none.
void keep_room(sqlite3* database, DiskRoom* room);
// The first damage that reading the main file has met since it was opened, such as "page 7 has a wrong checksum".
// Ask this before an error of SQLite is reported.
[[nodiscard]] std::optional<std::string> damage_found(sqlite3* database);

}  // namespace zebu::broker
