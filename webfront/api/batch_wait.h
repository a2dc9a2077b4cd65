#pragma once

#include "webfront/api/api.h"
#include "webfront/api/lookup.h"

namespace zebu::webfront::api {

// A batch with Prefer: wait: submits the jobs on its lines, a bounded number at a time, and answers with a line for
// each as it ends.
Answer run_batch(const Api& api, const Request& request, const PreferredWait& wait);

}  // namespace zebu::webfront::api
