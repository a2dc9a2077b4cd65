#pragma once

#include "webfront/api/api.h"
#include "zebu/error.h"

#include <string_view>

namespace zebu {

class Interrupt;

namespace webfront::json {
struct Listing;
}

namespace webfront::api {

// The broker's answer to a query for a list: "queues", "consumers".
[[nodiscard]] boost::asio::awaitable<Result<json::Listing>> list(const Api& api, std::string_view what,
                                                                 Interrupt& interrupt);
// The same as a response: {"queues": […]}.
[[nodiscard]] Answer list_response(const Api& api, std::string_view what, const Request& request);

}  // namespace webfront::api
}  // namespace zebu
