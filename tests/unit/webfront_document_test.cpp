#include "http/listen_address.h"
#include "http/response.h"
#include "tests/support/catch.h"
#include "tests/support/document.h"
#include "webfront/openapi.h"
#include "webfront/problem.h"
#include "webfront/routes.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace zebu::webfront {

using zebu::http::parse_listen_address;
using zebu::http::reason_of;
using zebu::test::table_rows;

TEST_CASE("the HTTP document's problems are the code's") {
  const auto rows = table_rows("docs/http-api.md", "problem");
  REQUIRE(rows.size() == all_problems().size() + 1);
  for (std::size_t i = 0; i < all_problems().size(); ++i) {
    INFO(all_problems()[i].type);
    CHECK(rows[i + 1][0] == all_problems()[i].type);
    CHECK(rows[i + 1][1] == std::to_string(all_problems()[i].status));
    CHECK_FALSE(reason_of(all_problems()[i].status).empty());
  }
}

namespace {

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

// The schema of an answer that is not a problem; empty: it is text.
std::string schema_of(const nlohmann::json& operation) {
  for (const auto& [status, response] : operation["responses"].items()) {
    const auto content = response.find("content");
    if (!status.starts_with('2') || content == response.end() || !content->contains("application/json")) continue;
    const std::string name = content->at("application/json").at("schema").at("$ref");
    return name.substr(std::string("#/components/schemas/").size());
  }
  return "";
}

}  // namespace

TEST_CASE("the HTTP document has the routes of the front end, and the rights that they need") {
  const auto rows = table_rows("docs/http-api.md", "method");
  REQUIRE(rows.size() == all_routes().size() + 1);
  for (std::size_t i = 0; i < all_routes().size(); ++i) {
    const ApiRoute& route = all_routes()[i];
    INFO(route.path);
    CHECK(rows[i + 1][0] == name_of(route.method));
    CHECK(rows[i + 1][1] == route.path);
    CHECK(rows[i + 1][2] == to_string(route.right));
  }
}

TEST_CASE("openapi.json has the routes of the front end but itself, their rights and the schemas of their answers") {
  auto document = nlohmann::json::parse(kOpenApi);
  auto& paths = document["paths"];
  std::size_t operations = 0;
  for (const auto& path : paths) operations += path.size();
  CHECK(all_routes().size() == operations + 1);
  for (const ApiRoute& route : all_routes()) {
    INFO(name_of(route.method) << " " << route.path);
    if (route.path == "/openapi.json") continue;
    auto& operation = paths[std::string(route.path)][in_lower_case(name_of(route.method))];
    REQUIRE(operation.is_object());
    CHECK(operation["x-right"] == std::string(to_string(route.right)));
    CHECK(schema_of(operation) == route.schema);
  }
}

TEST_CASE("every object that openapi.json describes has the members that it names, and no others") {
  const auto schemas = nlohmann::json::parse(kOpenApi)["components"]["schemas"];
  for (const auto& [name, schema] : schemas.items()) {
    INFO(name);
    if (schema.value("type", "") == "object") CHECK(schema.value("additionalProperties", true) == false);
  }
}

TEST_CASE("an address to listen on has a host and a port") {
  CHECK(parse_listen_address("127.0.0.1:8080")->port == "8080");
  CHECK(parse_listen_address("[::1]:0")->host == "::1");
  CHECK(parse_listen_address("*:80")->host.empty());
  for (const char* text : {"", "8080", "host:", "host:x", "host:70000", "::1:80"}) {
    INFO(text);
    CHECK_FALSE(parse_listen_address(text));
  }
}

}  // namespace zebu::webfront
