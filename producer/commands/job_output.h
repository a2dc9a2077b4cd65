#pragma once

#include "producer/options/producer_options.h"
#include "zebu/client.h"

#include <string>

namespace zebu::producer {

// Prints one job's outcome and returns whether the job succeeded. JSON: {"id":…,"state":…,…} on stdout. Text: the
// result on stdout, with the id before it unless it is the only job; anything but success is reported on stderr.
bool print_outcome(Output output, const JobId& id, bool is_only, const Result<Outcome>& outcome);

}  // namespace zebu::producer
