#pragma once

#include "producer/options/producer_options.h"
#include "zebu/client.h"

#include <memory>

namespace zebu::producer {

// A client whose session with the broker is up; nothing after it has said on stderr why there is none.
[[nodiscard]] std::unique_ptr<Client> connect(const CommonOptions& common);

}  // namespace zebu::producer
