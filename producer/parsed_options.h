#pragma once

#include <zebu/cli.h>

#include <optional>
#include <producer_options.h>

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

// Each adds subcommands that fill in their part of `to`, and choose its command.
void add_submitting_commands(CLI::App& app, Parsed& to);
void add_job_commands(CLI::App& app, Parsed& to);
void add_queue_commands(CLI::App& app, Parsed& to);

}  // namespace zebu::producer
