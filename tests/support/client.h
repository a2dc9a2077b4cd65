#pragma once

#include "zebu/client.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace zebu::test {

// A client of the broker at this endpoint, which it need not have found yet.
inline std::unique_ptr<Client> connected(const std::string& broker, ClientOptions options = {}) {
  options.broker = broker;
  auto client = Client::connect(std::move(options));
  if (!client) throw std::runtime_error(client.error().message);
  return std::move(*client);
}

}  // namespace zebu::test
