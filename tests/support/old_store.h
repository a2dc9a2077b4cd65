#pragma once

#include <string>

namespace zebu::test {

// Makes a file as a store of Zebu 0.1 is (format 4), or, with another number, one that says it is of that format.
void make_old_store(const std::string& path, int format = 4);

}  // namespace zebu::test
