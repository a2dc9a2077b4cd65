#include "producer/text/complain.h"

#include "zebu/program/visible_text.h"

#include <iostream>

namespace zebu::producer {

void complain(std::string_view what) { std::cerr << "zebu-producer: " << visible(what, Lines::many) << '\n'; }

}  // namespace zebu::producer
