#pragma once

#include "webfront/api/api.h"

namespace zebu::webfront::api {

// GET /healthz: the process serves.
Answer health(const Api& api, const Request& request);
// GET /readyz: the broker answers, and has a consumer (of the queue ?queue=), and the front end is not stopping.
Answer readiness(const Api& api, const Request& request);

}  // namespace zebu::webfront::api
