#pragma once

#include <string>
#include <string_view>

struct sqlite3_file;

namespace zebu::broker {

// A file that this process has open and that may have no name, as a database for SQLite: it is read and written by its
// descriptor. For a copy that no other program can see yet, so it has no locks.

// The path by which SQLite is to know it: /proc/self/fd/N.
[[nodiscard]] std::string open_file_path(int descriptor);
[[nodiscard]] bool is_open_file_path(std::string_view path);

// What such an open file takes of the memory that SQLite gives, at most.
inline constexpr int kOpenFileBytes = 32;
// Makes `file` the one of this path, as a file layer's xOpen does. Closing it does not close the descriptor.
void use_open_file(std::string_view path, sqlite3_file* file);

}  // namespace zebu::broker
