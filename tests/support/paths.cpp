#include "tests/support/paths.h"

namespace zebu::test {

std::string source(const std::string& path) { return std::string(ZEBU_SOURCE_DIR) + "/" + path; }

std::string program(const std::string& name) { return std::string(ZEBU_BIN_DIR) + "/" + name; }

}  // namespace zebu::test
