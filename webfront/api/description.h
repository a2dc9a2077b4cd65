#pragma once

#include "webfront/api/api.h"

namespace zebu::webfront::api {

// GET /openapi.json: this interface for programs.
Answer description(const Api& api, const Request& request);

}  // namespace zebu::webfront::api
