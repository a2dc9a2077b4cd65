#include "producer/options/parsed_options.h"
#include "zebu/wire/message.h"

#include <string>

namespace zebu::producer {
namespace {

std::string why_no_reason(const std::string& text) {
  if (text.size() <= message::kMaxReason) return {};
  return "it has " + std::to_string(text.size()) + " bytes, at most " + std::to_string(message::kMaxReason) +
         " are allowed";
}

cli::Command add_queue_command(cli::Command& app, const std::string& name, const std::string& help,
                               std::string& queue) {
  cli::Command command = app.subcommand(name, help);
  add_name(command, "QUEUE", queue, "the queue's name").required().not_configurable();
  return command;
}

void add_purge_and_pause(cli::Command& app, Parsed& to) {
  cli::Command purge =
      add_queue_command(app, "purge", "cancel all queued jobs of a queue, or forget its failed ones", to.purge.queue);
  purge
      .choice("--state", to.purge.state, {{"queued", JobState::queued}, {"failed", JobState::failed}},
              "queued: cancel queued and scheduled jobs; failed: forget failed ones")
      .not_configurable();
  purge.flag("--yes", to.purge.yes, "do not ask for confirmation; required when stdin is not a terminal")
      .not_configurable();
  purge.example("zebu-producer purge reports --state failed", "forget the failed jobs of a queue");
  purge.on_chosen([&to] { to.command = to.purge; });

  cli::Command pause = add_queue_command(app, "pause", "stop giving jobs of a queue to consumers", to.pause.queue);
  pause.option("--reason", to.pause.reason, "shown by queues, top and over HTTP")
      .check(why_no_reason)
      .not_configurable();
  pause.example("zebu-producer pause reports --reason 'the database moves'", "until resume reports");
  pause.on_chosen([&to] { to.command = to.pause; });

  cli::Command resume = add_queue_command(app, "resume", "end a queue's pause", to.resume.queue);
  resume.example("zebu-producer resume reports", "new jobs of the queue start again");
  resume.on_chosen([&to] { to.command = to.resume; });
}

void add_overviews(cli::Command& app, Parsed& to) {
  cli::Command drain =
      app.subcommand("drain", "let a consumer finish its running jobs and exit; wait until it is gone");
  drain.option("CONSUMER", to.drain.consumer, "its name or instance")
      .required()
      .not_configurable()
      .completed_with(cli::Completes::consumers);
  drain.example("zebu-producer drain consumer-1 --timeout 10m", "before its machine is taken away");
  drain.duration("--timeout", to.drain.timeout, "how long to wait; after that it continues to drain");
  drain.on_chosen([&to] { to.command = to.drain; });

  cli::Command top = app.subcommand("top", "a live view of queues and consumers; q quits");
  top.duration("--interval", to.top.interval, "time between updates")
      .between(std::chrono::milliseconds(10), std::chrono::hours(24));
  top.example("zebu-producer top --interval 250ms", "four times a second; h lists the keys");
  top.on_chosen([&to] { to.command = to.top; });

  app.subcommand("queues", "list the queues").on_chosen([&to] { to.command = QueuesOptions{}; });
  cli::Command consumers = app.subcommand("consumers", "list the consumers");
  consumers.flag("--runs", to.consumers.runs, "list the jobs that each has, too, and since when").not_configurable();
  consumers.on_chosen([&to] { to.command = to.consumers; });
  app.subcommand("ping", "check whether the broker answers: round trip, version, uptime").on_chosen([&to] {
    to.command = PingOptions{};
  });
}

}  // namespace

void add_queue_commands(cli::Command& app, Parsed& to) {
  add_purge_and_pause(app, to);
  add_overviews(app, to);
}

}  // namespace zebu::producer
