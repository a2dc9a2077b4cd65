#pragma once

#include <string>

namespace zebu::test {

// Those that are installed.
inline constexpr const char* kPrograms[] = {"zebu-broker", "zebu-consumer", "zebu-producer", "zebu-webfront"};

// A file of the sources: "docs/protocol.md".
std::string source(const std::string& path);
// A program of this build: "zebu-broker".
std::string program(const std::string& name);

}  // namespace zebu::test
