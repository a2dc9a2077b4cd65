#pragma once

#include "producer/options/producer_options.h"
#include "zebu/client.h"

#include <string>

namespace zebu::producer {

// One job's outcome on stdout: JSON {"id":…,"state":…,…}; for people the result alone when it is the only job, with its
// id before it otherwise. What failed is told on stderr for people. Returns whether the job succeeded.
bool print_outcome(Output output, const JobId& id, bool is_only, const Result<Outcome>& outcome);

}  // namespace zebu::producer
