#include "producer/commands/subcommands.h"
#include "producer/connection/answers.h"
#include "producer/text/complain.h"
#include "producer/text/readable.h"

#include <nlohmann/json.hpp>

#include <iostream>
#include <set>
#include <thread>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;

// Time between two queries for the consumers.
constexpr std::chrono::milliseconds kPollInterval{100};

// The drained consumers that are still connected. Identified by instance, since a new consumer may have the same name.
struct Remaining {
  std::set<std::string> instances;
  std::uint64_t running = 0;
};

std::optional<Remaining> find_consumers(Client& client, const CommonOptions& common, const auto& is_drained) {
  const auto consumers = ask_all(client, common, "consumers");
  if (!consumers) return std::nullopt;
  Remaining found;
  for (const Json& consumer : *consumers) {
    if (!is_drained(consumer)) continue;
    found.instances.insert(cell(consumer, "instance"));
    found.running += number(consumer, "running");
  }
  return found;
}

int wait_until_gone(Client& client, const CommonOptions& common, const DrainOptions& options,
                    const Remaining& drained) {
  const TimePoint begin = Clock::now();
  for (;;) {
    const auto left = find_consumers(
        client, common, [&](const Json& consumer) { return drained.instances.contains(cell(consumer, "instance")); });
    if (!left) return 1;
    if (left->instances.empty()) break;
    if (options.timeout && Clock::now() - begin >= *options.timeout) {
      complain("consumer " + options.consumer + " still runs " + counted(left->running, "job") +
               "; it continues to drain");
      return 1;
    }
    std::this_thread::sleep_for(kPollInterval);
  }
  if (common.output == Output::json) return print_json({{"drained", drained.instances.size()}});
  std::cout << "consumer " << options.consumer << " is gone\n";
  return 0;
}

}  // namespace

int run(const CommonOptions& common, const DrainOptions& options) {
  const auto client = connect(common);
  if (!client) return 1;
  const auto found = find_consumers(*client, common, [&](const Json& consumer) {
    return cell(consumer, "name") == options.consumer || cell(consumer, "instance") == options.consumer;
  });
  if (!found) return 1;
  if (found->instances.empty()) {
    complain("no consumer has the name or instance " + options.consumer + ": see zebu-producer consumers");
    return 1;
  }
  Params params;
  params.consumer = options.consumer;
  if (!command(*client, common, "drain", params)) return 1;
  return wait_until_gone(*client, common, options, *found);
}

}  // namespace zebu::producer
