#include "producer/connection/broker_connection.h"

#include "producer/text/complain.h"
#include "producer/text/readable.h"

namespace zebu::producer {

std::unique_ptr<Client> connect(const CommonOptions& common, ClientOptions options) {
  options.broker = common.broker;
  options.name = "zebu-producer";
  auto client = Client::connect(std::move(options));
  if (!client) {
    complain(client.error().message);
    return nullptr;
  }
  if (const auto connected = (*client)->wait_connected(common.connect_timeout); !connected) {
    if (connected.error().code == ErrorCode::disconnected) {
      complain("no broker answers at " + common.broker + " (waited " + duration_text(common.connect_timeout) +
               "): is it running? Start one with zebu-broker, or give its endpoint with --broker");
    } else {
      complain("the broker at " + common.broker + " refused the connection: " + connected.error().message);
    }
    return nullptr;
  }
  return std::move(*client);
}

}  // namespace zebu::producer
