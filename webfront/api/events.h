#pragma once

#include "webfront/api/api.h"

namespace zebu::webfront::api {

// GET /v1/jobs/{id}/events: what happens to the job, as it happens, until it has ended.
Answer show_events(const Api& api, const Request& request);

}  // namespace zebu::webfront::api
