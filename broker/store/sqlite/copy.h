#pragma once

#include "zebu/error.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <string>

namespace zebu::broker {

// Writes all that the database's commits hold to the file `to`, as of one moment, compact, and synced. It appears when
// it is whole (NewFile). The database is open with the file layer, and has no transaction of its own.
[[nodiscard]] Result<void> copy_database(SQLite::Database& database, const std::string& to, bool replace);

}  // namespace zebu::broker
