#pragma once

#include "webfront/api/api.h"

namespace zebu::webfront::api {

// POST /v1/jobs: submits a job, and waits for its outcome as long as `Prefer: wait` says.
Answer submit_job(const Api& api, const Request& request);
// GET /v1/jobs/{id}: the job's resource, with ?wait=SECONDS when it has ended or after that time.
Answer show_job(const Api& api, const Request& request);

}  // namespace zebu::webfront::api
