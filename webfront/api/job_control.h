#pragma once

#include "webfront/api/api.h"

namespace zebu::webfront::api {

// GET /v1/jobs: a page of the broker's answer to the query "list", by ?state=, ?queue= and ?task=.
Answer list_jobs(const Api& api, const Request& request);
// POST /v1/jobs/{id}/cancel: 200 and the job's resource once it has ended, 202 if its consumer has not confirmed it
// within a second, or the time that `Prefer: wait` gives.
Answer cancel_job(const Api& api, const Request& request);
// POST /v1/jobs/{id}/retry: 202, and the location of the new job.
Answer retry_job(const Api& api, const Request& request);
// POST /v1/jobs/retry, with {"queue": …, "task": …}: all failed jobs of them.
Answer retry_jobs(const Api& api, const Request& request);

}  // namespace zebu::webfront::api
