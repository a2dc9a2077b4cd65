#pragma once

#include "producer/options/producer_options.h"
#include "zebu/program/cli.h"

#include <optional>
#include <string>
#include <string_view>

namespace zebu::producer {

// Adds the options of a job, the same for every command that submits.
void add_job_options(CLI::App& command, JobFlags& flags);

// What is wrong with them together, for the person who gave them; nothing when they are good.
[[nodiscard]] std::optional<std::string> why_bad(const JobFlags& flags, std::string_view task);

}  // namespace zebu::producer
