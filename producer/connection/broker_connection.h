#pragma once

#include "producer/options/producer_options.h"
#include "producer/text/interrupt.h"
#include "zebu/client.h"

#include <memory>

namespace zebu::producer {

// A client whose session with the broker is established; null after an error, which has been reported on stderr.
// options: its limits. interrupt: ends the program while it waits for the broker.
[[nodiscard]] std::unique_ptr<Client> connect(const CommonOptions& common, ClientOptions options = {},
                                              Interrupt* interrupt = nullptr);

}  // namespace zebu::producer
