#pragma once

#include "webfront/api/api.h"

namespace zebu::webfront::api {

// POST /v1/jobs with application/x-ndjson: a job on each line. The response has a line for each, in their order. A line
// that is wrong costs itself only.
[[nodiscard]] Answer submit_batch(const Api& api, const Request& request);

}  // namespace zebu::webfront::api
