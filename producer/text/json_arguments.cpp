#include "producer/text/json_arguments.h"

#include "zebu/program/json_input.h"
#include "zebu/utf8.h"

#include <nlohmann/json.hpp>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;

// Converting JSON is recursive, so its depth is limited.
constexpr int kMaxDepth = 256;
constexpr const char* kTooDeep = "the JSON is nested more than 256 deep";

Result<Json> parsed(std::string_view text) {
  if (auto why = why_bad_json(text, kMaxDepth, kTooDeep)) return fail(ErrorCode::bad_value, std::move(*why));
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

Result<std::string> pack_words(const std::vector<std::string>& words) {
  Json list = Json::array();
  for (const std::string& word : words) {
    if (!is_utf8(word)) return fail(ErrorCode::bad_value, "the argument '" + word + "' is not UTF-8");
    if (auto why = why_bad_json(word, kMaxDepth, kTooDeep)) return fail(ErrorCode::bad_value, std::move(*why));
    auto value = parsed(word);
    list.push_back(value ? std::move(*value) : Json(word));
  }
  return msgpack_of(list);
}

std::vector<std::string> malformed_words(const std::vector<std::string>& words) {
  std::vector<std::string> malformed;
  for (const std::string& word : words) {
    const bool begins_as_json = word.starts_with('{') || word.starts_with('[') || word.starts_with('"');
    if (begins_as_json && !Json::accept(word)) malformed.push_back(word);
  }
  return malformed;
}

Result<std::string> pack_json_list(std::string_view text) {
  const auto value = parsed(text);
  if (!value) return tl::make_unexpected(value.error());
  if (!value->is_array()) return fail(ErrorCode::bad_value, "the arguments are not a JSON list: write [35], not 35");
  return msgpack_of(*value);
}

Result<std::string> pack_json_line(std::string_view text) {
  auto value = parsed(text);
  if (!value) return tl::make_unexpected(value.error());
  if (value->is_array()) return msgpack_of(*value);
  Json list = Json::array();
  list.push_back(std::move(*value));
  return msgpack_of(list);
}

}  // namespace zebu::producer
