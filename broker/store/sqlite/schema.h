#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

namespace zebu::broker {

// SQLite's application_id of our files: "Zebu".
inline constexpr int kApplicationId = 0x5a656275;

// How a store's file is made: its user_version. If you change a table or the form of a row (rows.h), raise it: a file
// of another format is refused, and one of Zebu 0.1.0 can be migrated (migration.h). Formats 5 and 6 were never
// released.
inline constexpr int kFormat = 8;
inline constexpr int kOldFormat = 4;  // of Zebu 0.1.0

[[nodiscard]] int format_of(SQLite::Database& database);

// Makes the tables of an empty file, in one transaction.
void create_tables(SQLite::Database& database);

}  // namespace zebu::broker
