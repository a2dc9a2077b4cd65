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

CLI::App* add_queue_command(CLI::App& app, const std::string& name, const std::string& help, std::string& queue) {
  CLI::App* command = app.add_subcommand(name, help);
  add_name(*command, "QUEUE", queue, "the queue's name")->required()->configurable(false);
  return command;
}

void add_purge_and_pause(CLI::App& app, Parsed& to) {
  CLI::App* purge =
      add_queue_command(app, "purge", "cancel all queued jobs of a queue, or forget its failed ones", to.purge.queue);
  purge
      ->add_option_function<std::string>(
          "--state", [&to](const std::string& text) { to.purge.state = *job_state_from(text); },
          "queued: cancel queued and scheduled jobs; failed: forget failed ones")
      ->check(CLI::IsMember({"queued", "failed"}))
      ->default_str("queued")
      ->configurable(false);
  purge->add_flag("--yes", to.purge.yes, "do not ask for confirmation; required when stdin is not a terminal")
      ->configurable(false);
  purge->callback([&to] { to.command = to.purge; });

  CLI::App* pause = add_queue_command(app, "pause", "stop giving jobs of a queue to consumers", to.pause.queue);
  pause->add_option("--reason", to.pause.reason, "shown by queues, top and over HTTP")
      ->check(why_no_reason)
      ->configurable(false);
  pause->callback([&to] { to.command = to.pause; });

  CLI::App* resume = add_queue_command(app, "resume", "end a queue's pause", to.resume.queue);
  resume->callback([&to] { to.command = to.resume; });
}

void add_overviews(CLI::App& app, Parsed& to) {
  CLI::App* drain =
      app.add_subcommand("drain", "let a consumer finish its running jobs and exit; wait until it is gone");
  drain->add_option("CONSUMER", to.drain.consumer, "its name or instance")->required()->configurable(false);
  cli::add_duration(*drain, "--timeout", to.drain.timeout, "how long to wait; after that it continues to drain");
  drain->callback([&to] { to.command = to.drain; });

  CLI::App* top = app.add_subcommand("top", "a live view of queues and consumers; q quits");
  cli::add_duration(*top, "--interval", to.top.interval, "time between updates");
  top->callback([&to] { to.command = to.top; });

  app.add_subcommand("queues", "list the queues")->callback([&to] { to.command = QueuesOptions{}; });
  app.add_subcommand("consumers", "list the consumers")->callback([&to] { to.command = ConsumersOptions{}; });
  app.add_subcommand("ping", "check whether the broker answers: round trip, version, uptime")->callback([&to] {
    to.command = PingOptions{};
  });
}

}  // namespace

void add_queue_commands(CLI::App& app, Parsed& to) {
  add_purge_and_pause(app, to);
  add_overviews(app, to);
}

}  // namespace zebu::producer
