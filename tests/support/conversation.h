#pragma once

#include "tests/support/process.h"

#include <filesystem>
#include <functional>
#include <string>

// The conversations of tests/golden/conversations; docs/protocol.md says what their lines mean.
namespace zebu::test {

// Plays the broker's side of one, to the peer that `start` starts with the endpoint where it is to connect. Throws,
// with the line, if the peer says something else or nothing.
void play(const std::filesystem::path& conversation, const std::function<Process(const std::string& endpoint)>& start);

// What the conversation's first line says of its peer: {"role": …, "task": …, "arguments": […]}.
struct PeerOf {
  std::string role;
  std::string task;
  std::string arguments;  // a JSON array
};
[[nodiscard]] PeerOf peer_of(const std::filesystem::path& conversation);
[[nodiscard]] std::vector<std::filesystem::path> conversations();

}  // namespace zebu::test
