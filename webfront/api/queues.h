#pragma once

#include "webfront/api/api.h"

namespace zebu::webfront::api {

// GET /v1/queues: a page of the broker's answer to the query "queues".
Answer list_queues(const Api& api, const Request& request);

}  // namespace zebu::webfront::api
