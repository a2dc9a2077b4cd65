#pragma once

#include "zebu/error.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Converts a job's arguments from text to a msgpack array. JSON that nests more than 256 deep, or has an integer beyond
// 64 bits, is refused.
namespace zebu::producer {

// A job's arguments. args: one msgpack array; kwargs: one msgpack map with its keys in order, or empty.
struct PackedArguments {
  std::string args;
  std::string kwargs;
};
// Keyword arguments of a command line: name and value. A value is read as a word is.
using Keywords = std::vector<std::pair<std::string, std::string>>;

// Words of a command line: each is JSON if it parses as JSON (35, true, "x", [1,2], {"a":1}), else a string. Error
// bad_value names a word that is refused.
[[nodiscard]] Result<PackedArguments> pack_words(const std::vector<std::string>& words, const Keywords& keywords = {});
// The words that begin as JSON but are not, so that they are strings: '{"a":1'.
[[nodiscard]] std::vector<std::string> malformed_words(const std::vector<std::string>& words);

// A JSON list: the argument list; or an object of `args` and `kwargs`, of which the second must be there. What it says
// of a keyword counts more than `keywords`. Error bad_value says where the text is not JSON, or that it is neither.
[[nodiscard]] Result<PackedArguments> pack_json_list(std::string_view text, const Keywords& keywords = {});

// A line of map's input: the same, and anything else is the only argument. Error bad_value as above.
[[nodiscard]] Result<PackedArguments> pack_json_line(std::string_view text, const Keywords& keywords = {});

}  // namespace zebu::producer
