#pragma once

#include "producer/options/producer_options.h"
#include "zebu/client.h"

#include <memory>
#include <string_view>

namespace zebu::producer {

// A client whose session with the broker is up; nothing after it has said on stderr why there is none.
[[nodiscard]] std::unique_ptr<Client> connect(const CommonOptions& common);

// "zebu-producer: …" on stderr.
void complain(std::string_view what);

}  // namespace zebu::producer
