#include "zebu/program/commit.h"

namespace zebu::cli {

std::string built_from() { return ZEBU_COMMIT; }

}  // namespace zebu::cli
