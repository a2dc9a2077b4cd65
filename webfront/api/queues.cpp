#include "webfront/api/queues.h"

#include "webfront/api/listing.h"

namespace zebu::webfront::api {

Answer list_queues(const Api& api, const Request& request) { return list_response(api, "queues", request); }

}  // namespace zebu::webfront::api
