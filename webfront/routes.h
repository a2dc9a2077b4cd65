#pragma once

#include "http/routes.h"
#include "webfront/api/api.h"

#include <span>
#include <string_view>

namespace zebu::webfront {

// What a user of a route must be allowed to do. open: nothing. They are the rights of the broker's requests.
enum class Right { open, read, submit, operate };
[[nodiscard]] std::string_view to_string(Right right);

struct ApiRoute {
  http::Method method;
  std::string_view path;
  Right right;
  http::Answer (*handler)(const api::Api&, const http::Request&);
  std::string_view
      schema;         // of the JSON of an answer that is not a problem: its name in openapi.json; empty: it is text
  bool waits = true;  // as in http::Route: whatever asks the broker waits
  bool is_vital = false;
};

// All routes of the front end. If you add one: its handler in api/, and its entries in docs/http-api.md and
// openapi.json, which tests compare with this table.
[[nodiscard]] std::span<const ApiRoute> all_routes();

// The routes as the server takes them. `api` outlives them.
[[nodiscard]] http::Routes make_routes(const api::Api& api);

}  // namespace zebu::webfront
