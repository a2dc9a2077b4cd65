#pragma once

#include <string>

struct sqlite3;

namespace zebu::broker {

// What lies between SQLite and its files. Two things happen here:
// - Each page of a database gets a checksum when it is written to the file, which is compared whenever the page is
//   read: a damaged page is an error (SQLITE_IOERR_DATA), never an answer. Files that were not made with kPageSize and
//   kPageReserve have none, and are passed through.
// - Writes of a database and its write-ahead log that follow each other in the file are gathered and written as one,
//   at the latest when the file is synced. This wants `synchronous = FULL`: only what has been synced may be relied on.

// The name of the SQLite file layer (VFS) that does so above the one called `below`; empty: the system's own.
// Registered at the first call.
[[nodiscard]] std::string file_layer(const std::string& below);
// Whether the main file of a database that was opened with such a layer is one with checksums.
[[nodiscard]] bool has_checksums(sqlite3* database);

}  // namespace zebu::broker
