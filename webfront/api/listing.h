#pragma once

#include "webfront/api/api.h"

#include <string_view>

namespace zebu::webfront::api {

// A page of a list of the broker, "queues" or "consumers", by the request's ?after= and ?limit=: {"queues": […],
// "next": …}.
[[nodiscard]] Answer list_response(const Api& api, std::string_view what, const Request& request);

}  // namespace zebu::webfront::api
