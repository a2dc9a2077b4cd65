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

// JSON if it parses as JSON, else a string.
Result<Json> word_value(const std::string& word) {
  if (!is_utf8(word)) return fail(ErrorCode::bad_value, "the argument '" + word + "' is not UTF-8");
  if (auto why = why_bad_json(word, kMaxDepth, kTooDeep)) return fail(ErrorCode::bad_value, std::move(*why));
  auto value = parsed(word);
  return value ? std::move(*value) : Json(word);
}

// own: the keyword arguments that go before `keywords`.
Result<PackedArguments> packed(const Json& list, Json own, const Keywords& keywords) {
  for (const auto& [name, word] : keywords) {
    if (!is_utf8(name)) return fail(ErrorCode::bad_value, "the keyword '" + name + "' is not UTF-8");
    if (own.contains(name)) continue;
    auto value = word_value(word);
    if (!value) return tl::make_unexpected(std::move(value.error()));
    own[name] = std::move(*value);
  }
  return PackedArguments{msgpack_of(list), own.empty() ? std::string() : msgpack_of(own)};
}

// {"args": […], "kwargs": {…}}, of which args may be left out.
bool has_kwargs(const Json& value) {
  if (!value.is_object() || !value.contains("kwargs") || !value["kwargs"].is_object()) return false;
  return value.size() == 1 || (value.size() == 2 && value.contains("args") && value["args"].is_array());
}

}  // namespace

Result<PackedArguments> pack_words(const std::vector<std::string>& words, const Keywords& keywords) {
  Json list = Json::array();
  for (const std::string& word : words) {
    auto value = word_value(word);
    if (!value) return tl::make_unexpected(std::move(value.error()));
    list.push_back(std::move(*value));
  }
  return packed(list, Json::object(), keywords);
}

std::vector<std::string> malformed_words(const std::vector<std::string>& words) {
  std::vector<std::string> malformed;
  for (const std::string& word : words) {
    const bool begins_as_json = word.starts_with('{') || word.starts_with('[') || word.starts_with('"');
    if (begins_as_json && !Json::accept(word)) malformed.push_back(word);
  }
  return malformed;
}

Result<PackedArguments> pack_json_list(std::string_view text, const Keywords& keywords) {
  const auto value = parsed(text);
  if (!value) return tl::make_unexpected(value.error());
  if (has_kwargs(*value)) return packed(value->value("args", Json::array()), (*value)["kwargs"], keywords);
  if (!value->is_array()) return fail(ErrorCode::bad_value, "the arguments are not a JSON list: write [35], not 35");
  return packed(*value, Json::object(), keywords);
}

Result<PackedArguments> pack_json_line(std::string_view text, const Keywords& keywords) {
  auto value = parsed(text);
  if (!value) return tl::make_unexpected(value.error());
  if (has_kwargs(*value)) return packed(value->value("args", Json::array()), (*value)["kwargs"], keywords);
  if (value->is_array()) return packed(*value, Json::object(), keywords);
  Json list = Json::array();
  list.push_back(std::move(*value));
  return packed(list, Json::object(), keywords);
}

}  // namespace zebu::producer
