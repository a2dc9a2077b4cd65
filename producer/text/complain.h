#pragma once

#include <string_view>

namespace zebu::producer {

// "zebu-producer: …" on stderr. The text may quote others: it is made visible().
void complain(std::string_view what);

}  // namespace zebu::producer
