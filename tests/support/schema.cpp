#include "tests/support/schema.h"

#include "tests/support/paths.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <vector>

namespace zebu::test {
namespace {

using Json = nlohmann::json;
using Wrong = std::optional<std::string>;

bool has_type(const Json& value, const std::string& type) {
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "null") return value.is_null();
  return type == value.type_name();
}

bool has_one_of(const Json& value, const Json& types) {
  if (types.is_string()) return has_type(value, types);
  return std::any_of(types.begin(), types.end(), [&](const Json& type) { return has_type(value, type); });
}

Wrong check_members(const Json& value, const Json& schema, const Json& document) {
  for (const Json& name : schema.value("required", Json::array())) {
    if (!value.contains(name.get<std::string>())) return "lacks " + name.get<std::string>();
  }
  const Json properties = schema.value("properties", Json::object());
  const Json others = schema.value("additionalProperties", Json(true));
  for (const auto& [name, member] : value.items()) {
    const bool is_known = properties.contains(name);
    if (!is_known && others == false) return "has the unknown member " + name;
    if (!is_known && others.is_boolean()) continue;
    if (auto wrong = why_not_valid(member, is_known ? properties[name] : others, document)) return name + ": " + *wrong;
  }
  return std::nullopt;
}

Wrong check_any_of(const Json& value, const Json& schemas, const Json& document) {
  std::string all;
  for (const Json& each : schemas) {
    const auto wrong = why_not_valid(value, each, document);
    if (!wrong) return std::nullopt;
    all += "; " + *wrong;
  }
  return "is none of those" + all;
}

void refuse_unknown_keywords(const Json& schema) {
  static const std::set<std::string> known = {
      "$ref",    "type",    "enum",     "required", "properties",  "additionalProperties",
      "items",   "anyOf",   "minimum",  "maximum",  "description", "format",
      "default", "example", "minLength"};
  for (const auto& [keyword, value] : schema.items()) {
    if (!known.contains(keyword)) throw std::logic_error("the schema has the keyword " + keyword);
  }
}

std::vector<std::string> segments(const std::string& path) {
  std::vector<std::string> all;
  std::istringstream in(path.substr(0, path.find('?')));
  for (std::string each; std::getline(in, each, '/');) all.push_back(each);
  return all;
}

bool fits(const std::string& path, const std::string& target) {
  const auto wanted = segments(path);
  const auto given = segments(target);
  return std::equal(wanted.begin(), wanted.end(), given.begin(), given.end(),
                    [](const std::string& a, const std::string& b) { return a == b || a.starts_with('{'); });
}

const Json& openapi() {
  static const Json document = [] {
    std::ifstream file(source("webfront/openapi.json"));
    return Json::parse(file);
  }();
  return document;
}

// The operation of a target: one with fewer parameters in its path first.
Json operation_of(std::string method, const std::string& target) {
  std::transform(method.begin(), method.end(), method.begin(), [](unsigned char c) { return std::tolower(c); });
  Json found;
  for (const auto& [path, operations] : openapi()["paths"].items()) {
    if (!fits(path, target) || !operations.contains(method)) continue;
    if (found.is_null() || path.find('{') == std::string::npos) found = operations[method];
  }
  return found;
}

}  // namespace

Wrong why_not_valid(const Json& value, const Json& schema, const Json& document) {
  refuse_unknown_keywords(schema);
  if (schema.contains("$ref")) {
    const std::string to = schema["$ref"];
    return why_not_valid(value, document.at(Json::json_pointer(to.substr(1))), document);
  }
  if (schema.contains("anyOf")) return check_any_of(value, schema["anyOf"], document);
  if (schema.contains("type") && !has_one_of(value, schema["type"])) return value.dump() + " is not of the type";
  if (schema.contains("enum")) {
    const Json& all = schema["enum"];
    if (std::find(all.begin(), all.end(), value) == all.end()) return value.dump() + " is not in the list";
  }
  if (value.is_number() && schema.contains("minimum") && value < schema["minimum"]) return value.dump() + " is too low";
  if (value.is_number() && schema.contains("maximum") && value > schema["maximum"])
    return value.dump() + " is too high";
  if (value.is_object()) return check_members(value, schema, document);
  if (value.is_array() && schema.contains("items")) {
    for (const Json& each : value) {
      if (auto wrong = why_not_valid(each, schema["items"], document)) return wrong;
    }
  }
  return std::nullopt;
}

void check_against_openapi(const std::string& method, const std::string& target, const HttpReply& reply) {
  const std::string type = reply.header("content-type");
  const bool is_problem = type == "application/problem+json";
  if ((!is_problem && type != "application/json") || target == "/openapi.json") return;
  const auto fail = [&](const std::string& why) {
    throw std::runtime_error(method + " " + target + " answers " + std::to_string(reply.status) + " with " +
                             reply.body + ", which openapi.json does not have: " + why);
  };
  Json schema = openapi()["components"]["schemas"]["Problem"];
  if (!is_problem) {
    const Json operation = operation_of(method, target);
    if (operation.is_null()) return fail("there is no such operation");
    const std::string status = std::to_string(reply.status);
    if (!operation["responses"].contains(status)) return fail("there is no such status");
    schema = operation["responses"][status]["content"]["application/json"]["schema"];
  }
  if (const auto wrong = why_not_valid(Json::parse(reply.body), schema, openapi())) fail(*wrong);
}

}  // namespace zebu::test
