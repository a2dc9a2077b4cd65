#include "producer/connection/broker_connection.h"

#include "producer/text/complain.h"

#include <algorithm>
#include <atomic>

namespace zebu::producer {
namespace {

Result<void> wait_connected(const Client& client, std::chrono::milliseconds limit, Interrupt* interrupt) {
  if (interrupt == nullptr) return client.wait_connected(limit);
  const TimePoint deadline = Clock::now() + limit;
  for (;;) {
    if (interrupt->is_raised()) interrupt->die();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    auto connected = client.wait_connected(std::clamp(left, std::chrono::milliseconds(0), Interrupt::kPause));
    const bool may_come = !connected && connected.error().code == ErrorCode::disconnected;
    if (!may_come || left.count() <= 0) return connected;
  }
}

}  // namespace

std::unique_ptr<Client> connect(const CommonOptions& common, ClientOptions options, Interrupt* interrupt) {
  options.broker = common.broker;
  options.name = "zebu-producer";
  // Before the first session the timeout says so.
  const auto has_connected = std::make_shared<std::atomic<bool>>(false);
  options.on_waiting = [broker = common.broker, has_connected](const std::string& why) {
    if (*has_connected)
      complain(why.empty() ? "the broker is back" : "waiting for the broker at " + broker + ": " + why);
  };
  auto client = Client::connect(std::move(options));
  if (!client) {
    complain(client.error().message);
    return nullptr;
  }
  if (const auto connected = wait_connected(**client, common.connect_timeout, interrupt); !connected) {
    if (connected.error().code == ErrorCode::disconnected) {
      complain(connected.error().message + ". Start one with zebu-broker, or give its endpoint with --broker");
    } else {
      complain("the broker at " + common.broker + " refused the connection: " + connected.error().message);
    }
    return nullptr;
  }
  *has_connected = true;
  return std::move(*client);
}

}  // namespace zebu::producer
