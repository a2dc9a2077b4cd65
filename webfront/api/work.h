#pragma once

#include "webfront/api/api.h"

// Work behind a plain GET: the client waits for a job, and its result is the response.
namespace zebu::webfront::api {

// GET /fast: "Hello!", or the ?id=. Without a job.
Answer fast(const Api& api, const Request& request);
// GET /fib/{n}, with ?once=SECONDS one job for all equal requests.
Answer fib(const Api& api, const Request& request);
// GET /slow: the job `factorials`.
Answer slow(const Api& api, const Request& request);

}  // namespace zebu::webfront::api
