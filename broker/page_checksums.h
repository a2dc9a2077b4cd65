#pragma once

#include <cstdint>
#include <string>

struct sqlite3;

namespace zebu::broker {

// SQLite notices a damaged page only where the damage makes no sense; a flipped bit in a key or a payload would be
// believed. This file layer puts a checksum into the last bytes of each page of a database when it is written to the
// file, and compares it whenever the page is read: a damaged page is an error (SQLITE_IOERR_DATA), never an answer.
// The write-ahead log has checksums of its own.
//
//   page of kPageSize bytes: ┌ SQLite's content … ┬ checksum, 8 bytes ┐
inline constexpr int kPageSize = 8192;
inline constexpr int kPageReserve = 8;  // SQLite's "reserved bytes" of a page, byte 20 of the file's header

// The name of the SQLite file layer (VFS) with checksums above the one called `below`; empty: the system's own.
// Registered at the first call. Files that were not made with kPageSize and kPageReserve are passed through.
[[nodiscard]] std::string checksummed_vfs(const std::string& below);
// Whether a page of kPageSize bytes at `offset` of a file has the checksum that it should have, or was never written.
[[nodiscard]] bool is_whole_page(const char* page, std::int64_t offset);
// Whether the main file of a database that was opened with such a layer is one with checksums.
[[nodiscard]] bool has_checksums(sqlite3* database);

}  // namespace zebu::broker
