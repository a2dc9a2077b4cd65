#pragma once

#include "producer/map/done_lines.h"
#include "producer/options/producer_options.h"
#include "zebu/error.h"
#include "zebu/ids.h"
#include "zebu/program/descriptor.h"

#include <cstdint>
#include <string>

namespace zebu::producer {

// Where map writes to, and what an earlier map has left there.
struct MapOutput {
  Descriptor file;           // locked against another map; what is written goes to its end
  DoneLines done;            // lines that need not be run: their input fields
  std::uint64_t failed = 0;  // of them, those that did not succeed
  Uuid run = Uuid::make();   // the run that made the jobs which may be under way
  std::string run_file;      // remembers `run` for who goes on after a crash; empty: nobody can
};

// Opens the output; with `resume` cuts off a line that a crash has left half written, and reads the others; with
// `retry_failed` replaces the file, atomically, by one without those that did not succeed. Errors: bad_value when that
// would lose or mix up what is there, system.
[[nodiscard]] Result<MapOutput> open_map_output(const MapOptions& options);

// Nothing is left to go on with: the jobs have ended, or are about to be cancelled.
void forget_run(const MapOutput& output);

}  // namespace zebu::producer
