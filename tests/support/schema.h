#pragma once

#include "tests/support/http.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

namespace zebu::test {

// Why a value is not what a schema of webfront/openapi.json says (the part of JSON Schema 2020-12 that is used there),
// or nullopt. document: all of openapi.json, for references. Throws std::logic_error for a keyword that it does not
// know.
[[nodiscard]] std::optional<std::string> why_not_valid(const nlohmann::json& value, const nlohmann::json& schema,
                                                       const nlohmann::json& document);

// Throws std::runtime_error if a reply of the front end with JSON is not one that openapi.json has for the request.
void check_against_openapi(const std::string& method, const std::string& target, const HttpReply& reply);

}  // namespace zebu::test
