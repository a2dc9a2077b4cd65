#pragma once

#include "zebu/error.h"

#include <string>

namespace zebu::broker {

// The arguments of `zebu-broker check`, `backup`, `compact` and `migrate`.
struct MaintenanceOptions {
  std::string command;  // empty: none, the broker is to run
  std::string to;       // backup: the file to write
  bool force = false;   // backup: replace it
};

// `zebu-broker check|backup|compact|migrate`. Each returns a sentence that says what was done, or an error.

// Reads all of the store at `path` and compares it with itself: checksums, SQLite's structures, each job's rows,
// counters, and that each unfinished job can be found by a broker. Needs the store for itself. An error lists the
// damage.
[[nodiscard]] Result<std::string> check_store(const std::string& path);

// Writes a copy of the store at `path`, as it is at one moment, to the file `to`; a broker may be using the store. The
// copy is synced when this returns. A file that exists is only replaced with `replace`.
[[nodiscard]] Result<std::string> back_up_store(const std::string& path, const std::string& to, bool replace);

// Gives the file's unused space back. Needs the store for itself, and room for a second copy of it.
[[nodiscard]] Result<std::string> compact_store(const std::string& path);

// Runs the command that the options name, prints what it says, and returns the program's exit code.
[[nodiscard]] int run_maintenance(const MaintenanceOptions& options, const std::string& store);

}  // namespace zebu::broker
