#include "webfront/api/description.h"

#include "webfront/openapi.h"

namespace zebu::webfront::api {

Answer description(const Api&, const Request&) { co_return ok(http::kJson, std::string(kOpenApi)); }

}  // namespace zebu::webfront::api
