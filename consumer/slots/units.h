#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace zebu::consumer {

// "2 s", "1.5 s", "250 ms".
[[nodiscard]] std::string readable(std::chrono::milliseconds time);
// "64 MiB".
[[nodiscard]] std::string readable_bytes(std::size_t bytes);

}  // namespace zebu::consumer
