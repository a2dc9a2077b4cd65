#pragma once

#include "webfront/api/api.h"

namespace zebu::webfront::api {

// GET /v1/consumers: the broker's answer to the query "consumers".
Answer list_consumers(const Api& api, const Request& request);
// GET /v1/consumers/{name}: those of that name or instance.
Answer show_consumers(const Api& api, const Request& request);
// POST /v1/consumers/{name}/drain
Answer drain_consumers(const Api& api, const Request& request);

}  // namespace zebu::webfront::api
