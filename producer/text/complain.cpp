#include "producer/text/complain.h"

#include <iostream>

namespace zebu::producer {

void complain(std::string_view what) { std::cerr << "zebu-producer: " << what << '\n'; }

}  // namespace zebu::producer
