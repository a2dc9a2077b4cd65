#include "producer/connection/broker_connection.h"

#include "producer/text/complain.h"

#include <atomic>

namespace zebu::producer {

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
  // There is nothing to put in order yet: a signal ends the program.
  if (interrupt != nullptr) {
    if (interrupt->is_raised()) interrupt->die();
    interrupt->release();
  }
  const auto connected = (*client)->wait_connected(common.connect_timeout);
  if (interrupt != nullptr) interrupt->hold();
  if (!connected) {
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
