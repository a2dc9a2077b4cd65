#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

namespace zebu::broker {

// SQLite's application_id of our files: "Zebu".
inline constexpr int kApplicationId = 0x5a656275;

// How a store's file is made: its user_version. If you change a table or the form of a row (rows.h), raise it: a file
// of another format is refused. Zebu 0.1 wrote the formats up to 4.
inline constexpr int kFormat = 7;

[[nodiscard]] int format_of(SQLite::Database& database);

// Makes the tables of an empty file, in one transaction.
void create_tables(SQLite::Database& database);

}  // namespace zebu::broker
