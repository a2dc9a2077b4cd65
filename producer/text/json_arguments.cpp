#include "producer/text/json_arguments.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;

// Converting JSON is recursive, so its depth is limited.
constexpr int kMaxDepth = 256;

bool is_too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

std::string packed(const Json& value) {
  std::string bytes;
  Json::to_msgpack(value, nlohmann::detail::output_adapter<char>(bytes));
  return bytes;
}

Result<Json> parsed(std::string_view text) {
  if (is_too_deep(text)) return fail(ErrorCode::bad_value, "the JSON is nested more than 256 deep");
  try {
    return Json::parse(text);
  } catch (const Json::exception& e) {
    // "[json.exception.parse_error.101] parse error at line 1, column 3: …": users need the text from "column" on.
    const std::string_view what = e.what();
    const std::size_t column = what.find("column ");
    const std::size_t from = column != std::string_view::npos ? column : what.find("] ") + 2;
    return fail(ErrorCode::bad_value, "not valid JSON: " + std::string(what.substr(from)));
  }
}

}  // namespace

std::string pack_words(const std::vector<std::string>& words) {
  Json list = Json::array();
  for (const std::string& word : words) {
    auto value = parsed(word);
    list.push_back(value ? std::move(*value) : Json(word));
  }
  return packed(list);
}

Result<std::string> pack_json_list(std::string_view text) {
  const auto value = parsed(text);
  if (!value) return tl::make_unexpected(value.error());
  if (!value->is_array()) return fail(ErrorCode::bad_value, "the arguments are not a JSON list: write [35], not 35");
  return packed(*value);
}

Result<std::string> pack_json_line(std::string_view text) {
  auto value = parsed(text);
  if (!value) return tl::make_unexpected(value.error());
  if (value->is_array()) return packed(*value);
  Json list = Json::array();
  list.push_back(std::move(*value));
  return packed(list);
}

}  // namespace zebu::producer
