#pragma once

#include "producer/options/producer_options.h"
#include "zebu/client.h"

#include <memory>

namespace zebu::producer {

// A client whose session with the broker is established; null after an error, which has been reported on stderr.
// options: its limits.
[[nodiscard]] std::unique_ptr<Client> connect(const CommonOptions& common, ClientOptions options = {});

}  // namespace zebu::producer
