#include "producer/commands/subcommands.h"
#include "producer/connection/answers.h"
#include "producer/text/readable.h"
#include "zebu/program/visible_text.h"

#include <nlohmann/json.hpp>

#include <iostream>

namespace zebu::producer {

int run(const CommonOptions& common, const PingOptions&) {
  const auto client = connect(common);
  if (!client) return 1;
  const auto asked = Clock::now();
  auto broker = ask(*client, common, "broker");
  if (!broker || !broker->is_object()) return 1;
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - asked);
  (*broker)["round_trip_us"] = took.count();
  if (common.output == Output::json) return print_json(*broker);
  std::cout << "the broker at " << common.broker << " answered in " << duration_text(took) << ": version "
            << visible(cell(*broker, "version"), Lines::one) << ", protocol "
            << visible(cell(*broker, "protocol"), Lines::one) << ", store "
            << visible(cell(*broker, "store"), Lines::one) << ", up for " << duration_cell(*broker, "uptime_ms") << ", "
            << counted(number(*broker, "clients"), "client") << ", "
            << counted(number(*broker, "consumers"), "consumer") << ", instance "
            << visible(cell(*broker, "instance"), Lines::one) << '\n';
  if (broker->value("store_full", false)) {
    std::cout << "the store is full: new durable jobs are refused until it has room\n";
    const std::string trouble = cell(*broker, "store_trouble");
    if (trouble != "-") std::cout << "the store stands still: " << visible(trouble, Lines::one) << '\n';
  }
  return 0;
}

}  // namespace zebu::producer
