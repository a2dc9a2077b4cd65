#pragma once

#include "webfront/rights.h"

#include <chrono>
#include <optional>
#include <string>

namespace zebu::webfront {

// The command `zebu-webfront token`.
struct TokenOptions {
  std::string name;  // empty: another command
  Rights rights;
  std::optional<std::chrono::milliseconds> expires = {};  // from now on
};

// Makes a token, adds its hash to the file, which is made if it is not there, and prints the token. Returns the exit
// code.
[[nodiscard]] int make_token_for(const TokenOptions& options, const std::string& file);

}  // namespace zebu::webfront
