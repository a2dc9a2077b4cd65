#pragma once

#include "tests/support/samples.h"

#include <string>
#include <string_view>
#include <vector>

// tests/golden/protocol.txt: frames for implementations in other languages. A line is
//
//   frame NAME HEX JSON     a message that must be read, and written to the same bytes
//   newer NAME HEX JSON     one of a later minor version, or by another writer: it must be read as NAME
//   bad NAME HEX WHY        one that must be refused
//
// JSON is what the frame holds; bytes are shown as {"bin": base64}.
namespace zebu::test {

struct GoldenLine {
  std::string section;
  std::string name;
  std::string frame;
  std::string text;  // JSON, or why it is bad
};

// The lines as the code has them, and as the file has them.
[[nodiscard]] std::vector<GoldenLine> golden_lines();
[[nodiscard]] std::vector<GoldenLine> read_golden();
// As in the file.
[[nodiscard]] std::string text_of(const GoldenLine& line);

// What a frame holds, as JSON.
[[nodiscard]] std::string json_of(std::string_view frame);

}  // namespace zebu::test
