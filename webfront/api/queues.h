#pragma once

#include "webfront/api/api.h"

namespace zebu::webfront::api {

// GET /v1/queues: a page of the broker's answer to the query "queues".
Answer list_queues(const Api& api, const Request& request);
// GET /v1/queues/{name}: one of them.
Answer show_queue(const Api& api, const Request& request);
// GET /v1/queues/{name}/backlog: numbers for autoscalers, 0 for a queue that the broker does not have.
Answer show_backlog(const Api& api, const Request& request);

// POST /v1/queues/{name}/pause, with {"reason": …}; …/resume; …/purge, with {"state": "failed"}.
Answer pause_queue(const Api& api, const Request& request);
Answer resume_queue(const Api& api, const Request& request);
Answer purge_queue(const Api& api, const Request& request);

}  // namespace zebu::webfront::api
