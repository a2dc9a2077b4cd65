#pragma once

#include "http/request.h"
#include "http/routes.h"

#include <chrono>
#include <string>
#include <string_view>

// The handlers of the front end's routes, by subject. docs/http-api.md describes what they respond.
namespace zebu::webfront {

class Gateway;

namespace api {

using http::Answer;
using http::Request;
using http::Response;

// What the handlers need. It outlives the server.
struct Api {
  Gateway& gateway;
  std::chrono::seconds max_wait;  // longer waits are shortened to it
};

// 200 with this body.
[[nodiscard]] inline Response ok(std::string_view content_type, std::string body) {
  return {200, content_type, std::move(body), {}};
}

}  // namespace api
}  // namespace zebu::webfront
