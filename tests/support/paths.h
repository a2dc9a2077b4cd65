#pragma once

#include <string>

namespace zebu::test {

// A file of the sources: "docs/protocol.md".
std::string source(const std::string& path);
// A program of this build: "zebu-broker".
std::string program(const std::string& name);

}  // namespace zebu::test
