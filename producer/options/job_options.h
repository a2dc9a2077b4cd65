#pragma once

#include "producer/options/producer_options.h"
#include "zebu/program/cli.h"

#include <optional>
#include <string>
#include <string_view>

namespace zebu::producer {

// Adds the options of a job, the same for every command that submits, under a heading of their own. Call it after
// adding the command's other options.
void add_job_options(cli::Command& command, JobFlags& flags);

// Why these options are invalid in combination, in words for the user; nullopt if they are valid.
[[nodiscard]] std::optional<std::string> why_bad(const JobFlags& flags, std::string_view task);

}  // namespace zebu::producer
