#pragma once

#include "http/routes.h"
#include "webfront/api/api.h"
#include "webfront/rights.h"

#include <span>
#include <string_view>

namespace zebu::webfront {

class Guard;

struct ApiRoute {
  http::Method method;
  std::string_view path;
  Right right;
  http::Answer (*handler)(const api::Api&, const http::Request&);
  std::string_view
      schema;         // of the JSON of an answer that is not a problem: its name in openapi.json; empty: it is text
  bool waits = true;  // as in http::Route: whatever asks the broker waits
  bool is_vital = false;
  bool is_endless = false;  // as in http::Route
};

// All routes of the front end. If you add one: its handler in api/, and its entries in docs/http-api.md and
// openapi.json, which tests compare with this table.
[[nodiscard]] std::span<const ApiRoute> all_routes();

// The routes as the server takes them, each behind the guard. Both outlive them.
[[nodiscard]] http::Routes make_routes(const api::Api& api, const Guard& guard);

}  // namespace zebu::webfront
