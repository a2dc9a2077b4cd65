#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <span>
#include <string>

namespace zebu::broker {

// SQLite's application_id of our files: "Zebu".
inline constexpr int kApplicationId = 0x5a656275;

// What makes a file of version n one of version n + 1, from 0, an empty file, on. A step never changes once a release
// has it: the next form is a new step behind it, and needs no other code.
[[nodiscard]] std::span<const std::string> schema_steps();

// The version of a file: user_version.
[[nodiscard]] int schema_version(SQLite::Database& database);

// Applies the steps that the file has not seen, all in one transaction.
void migrate(SQLite::Database& database, std::span<const std::string> steps);

}  // namespace zebu::broker
