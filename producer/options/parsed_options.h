#pragma once

#include "producer/options/producer_options.h"
#include "zebu/program/cli.h"

#include <optional>
#include <string>

namespace zebu::producer {

// The values that parsing fills in, and the command on the command line.
struct Parsed {
  CommonOptions common;
  SubmitOptions submit;
  WaitOptions wait;
  StatusOptions status;
  CancelOptions cancel;
  MapOptions map;
  ListOptions list;
  RetryOptions retry;
  PurgeOptions purge;
  PauseOptions pause;
  ResumeOptions resume;
  DrainOptions drain;
  TopOptions top;
  ConsumersOptions consumers;
  std::optional<Command> command;
};

// Adds an option or argument that is the name of a queue or a task. An invalid name is wrong usage.
cli::Option add_name(cli::Command& command, const std::string& option, std::string& name, const std::string& help);

// Each adds subcommands that fill in their part of `to` and set its command.
void add_submitting_commands(cli::Command& app, Parsed& to);
void add_job_commands(cli::Command& app, Parsed& to);
void add_queue_commands(cli::Command& app, Parsed& to);

}  // namespace zebu::producer
