#pragma once

#include "producer/options/producer_options.h"
#include "zebu/program/cli.h"

#include <optional>
#include <string>

namespace zebu::producer {

// What the options fill in, and the command that was given.
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
  std::optional<Command> command;
};

// An option or argument that is the name of a queue or a task; anything else than a name is wrong usage.
CLI::Option* add_name(CLI::App& command, const std::string& option, std::string& name, const std::string& help);

// Each adds subcommands that fill in their part of `to`, and choose its command.
void add_submitting_commands(CLI::App& app, Parsed& to);
void add_job_commands(CLI::App& app, Parsed& to);
void add_queue_commands(CLI::App& app, Parsed& to);

}  // namespace zebu::producer
