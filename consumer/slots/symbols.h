#pragma once

#include <cstdint>
#include <string>

namespace zebu::consumer {

// The name of the function at an address of this process, as the linker knows it, also when it is not exported (a
// lambda, a static function); empty when the binary has no symbols for it. offset: the address within its file, as
// addr2line takes it. Reads the file once.
struct Symbol {
  std::string name;
  std::string file;
  std::uintptr_t offset = 0;
};
[[nodiscard]] Symbol symbol_at(std::uintptr_t address);

}  // namespace zebu::consumer
