#pragma once

#include "webfront/api/api.h"
#include "zebu/client_request.h"

#include <optional>
#include <span>
#include <string_view>

namespace zebu::webfront {
class RequestInterrupt;
}

namespace zebu::webfront::api {

// Sends a command of docs/protocol.md to the broker. 200 and its answer, {"paused": 1}, or a problem. If the broker
// does not answer within the time that `Prefer: wait` gives, or half a minute: 504, since it may be carried out all the
// same.
[[nodiscard]] Answer command_response(const Api& api, std::string_view what, Params params, const Request& request,
                                      RequestInterrupt& interrupt);

// The members of a request's body, which is optional: a JSON object of strings. Only the `known` ones are allowed, and
// only they are read. An error says what is wrong.
[[nodiscard]] Result<Params> params_of(const Request& request, std::span<const std::string_view> known);

}  // namespace zebu::webfront::api
