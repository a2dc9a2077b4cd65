#pragma once

#include <string_view>

namespace zebu::producer {

// "zebu-producer: …" on stderr.
void complain(std::string_view what);

}  // namespace zebu::producer
