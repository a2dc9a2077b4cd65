#pragma once

#include <string>

namespace zebu::test {

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Without its newline.
inline std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace zebu::test
