#pragma once

#include <cstdint>
#include <string>

namespace zebu::consumer {

// The function at an address of this process. name: the linker's name, even if it is not exported (a lambda, a static
// function); empty if the binary has no symbol for it. offset: the address within the file, as addr2line takes it.
// symbol_at reads the program's file once.
struct Symbol {
  std::string name;
  std::string file;
  std::uintptr_t offset = 0;
};
[[nodiscard]] Symbol symbol_at(std::uintptr_t address);

}  // namespace zebu::consumer
