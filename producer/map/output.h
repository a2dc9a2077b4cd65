#pragma once

#include "producer/map/done_lines.h"
#include "producer/options/producer_options.h"
#include "zebu/error.h"
#include "zebu/ids.h"
#include "zebu/program/descriptor.h"

#include <cstdint>
#include <string>

namespace zebu::producer {

// map's output file, and what an earlier run left there.
struct MapOutput {
  Descriptor file;           // locked against another map; writes go to its end
  DoneLines done;            // the input fields of lines to skip
  std::uint64_t failed = 0;  // how many of these lines did not succeed
  Uuid run = Uuid::make();   // the run whose jobs may be in flight
  std::string run_file;      // the file that keeps `run` for --resume after a crash; empty: there is none
};

// Opens the output. With `resume`, removes a half-written last line and reads the others. With `retry_failed`, replaces
// the file atomically by one without the lines that did not succeed. Errors: bad_value if that would lose or mix up the
// file's contents, system.
[[nodiscard]] Result<MapOutput> open_map_output(const MapOptions& options);

// Removes the run file. Call it once all jobs have ended or are being cancelled.
void forget_run(const MapOutput& output);

}  // namespace zebu::producer
