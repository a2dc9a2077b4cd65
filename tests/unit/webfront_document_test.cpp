#include "http/listen_address.h"
#include "http/response.h"
#include "tests/support/catch.h"
#include "tests/support/document.h"
#include "webfront/openapi.h"
#include "webfront/problem.h"
#include "webfront/routes.h"

#include <nlohmann/json.hpp>

#include <algorithm>

using namespace zebu::webfront;
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

TEST_CASE("the HTTP document's routes are those of openapi.json") {
  const auto paths = nlohmann::json::parse(kOpenApi)["paths"];
  std::size_t operations = 0;
  for (const auto& path : paths) operations += path.size();
  const auto rows = table_rows("docs/http-api.md", "method");
  CHECK(rows.size() == operations + 2);  // the header, and /openapi.json itself
  for (const auto& row : rows) {
    if (row[0] == "method" || row[1] == "/openapi.json") continue;
    INFO(row[1]);
    std::string method = row[0];
    std::transform(method.begin(), method.end(), method.begin(), [](unsigned char c) { return std::tolower(c); });
    CHECK(paths.value(row[1], nlohmann::json::object()).contains(method));
  }
}

TEST_CASE("the front end serves the routes of openapi.json, and openapi.json itself") {
  const auto paths = nlohmann::json::parse(kOpenApi)["paths"];
  std::size_t operations = 0;
  for (const auto& path : paths) operations += path.size();
  CHECK(all_routes().size() == operations + 1);
  for (const ApiRoute& route : all_routes()) {
    INFO(route.path);
    if (route.path == "/openapi.json") continue;
    const auto path = paths.value(std::string(route.path), nlohmann::json::object());
    CHECK(path.contains(route.method == zebu::http::Method::post ? "post" : "get"));
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
