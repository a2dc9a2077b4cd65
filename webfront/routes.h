#pragma once

#include "http/routes.h"
#include "webfront/api/api.h"

#include <span>
#include <string_view>

namespace zebu::webfront {

struct ApiRoute {
  http::Method method;
  std::string_view path;
  http::Answer (*handler)(const api::Api&, const http::Request&);
  bool waits;  // as in http::Route: whatever asks the broker waits
  bool is_vital = false;
};

// All routes of the front end. If you add one: its handler in api/, and its entries in docs/http-api.md and
// openapi.json, which tests compare with this table.
[[nodiscard]] std::span<const ApiRoute> all_routes();

// The routes as the server takes them. `api` outlives them.
[[nodiscard]] http::Routes make_routes(const api::Api& api);

}  // namespace zebu::webfront
