#pragma once

#include "zebu/error.h"

#include <string>
#include <string_view>
#include <vector>

// Converts a job's arguments from text to a msgpack array. JSON that nests more than 256 deep, or has an integer beyond
// 64 bits, is refused.
namespace zebu::producer {

// Words of a command line: each is JSON if it parses as JSON (35, true, "x", [1,2], {"a":1}), else a string. Error
// bad_value names a word that is refused.
[[nodiscard]] Result<std::string> pack_words(const std::vector<std::string>& words);
// The words that begin as JSON but are not, so that they are strings: '{"a":1'.
[[nodiscard]] std::vector<std::string> malformed_words(const std::vector<std::string>& words);

// A JSON list: the argument list. Error bad_value says where the text is not JSON, or that it is not a list.
[[nodiscard]] Result<std::string> pack_json_list(std::string_view text);

// A line of map's input: a list is the argument list, anything else the only argument. Error bad_value as above.
[[nodiscard]] Result<std::string> pack_json_line(std::string_view text);

}  // namespace zebu::producer
