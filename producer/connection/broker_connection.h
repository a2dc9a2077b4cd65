#pragma once

#include "producer/options/producer_options.h"
#include "zebu/client.h"
#include "zebu/program/stop_signal.h"

#include <memory>

namespace zebu::producer {

// A client whose session with the broker is established; null after an error, which has been reported on stderr.
// options: its limits. stop: its signals end the program while it waits for the broker.
[[nodiscard]] std::unique_ptr<Client> connect(const CommonOptions& common, ClientOptions options = {},
                                              const StopSignal* stop = nullptr);

}  // namespace zebu::producer
