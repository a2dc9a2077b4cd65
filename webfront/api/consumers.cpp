#include "webfront/api/consumers.h"

#include "webfront/api/listing.h"

namespace zebu::webfront::api {

Answer list_consumers(const Api& api, const Request& request) { return list_response(api, "consumers", request); }

}  // namespace zebu::webfront::api
