#pragma once

#include "http/request.h"
#include "http/routes.h"
#include "zebu/error.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// The handlers of the front end's routes, by subject. docs/http-api.md describes what they respond.
namespace zebu::webfront {

class Converter;
struct Counts;
class Gateway;
class Guard;
class RequestInterrupt;

namespace api {

using http::Answer;
using http::Request;
using http::Response;

// What the handlers need. It outlives the server.
struct Api {
  Gateway& gateway;
  Converter& converter;
  Counts& counts;
  const Guard& guard;
  std::chrono::seconds max_wait;  // longer waits are shortened to it
  bool is_stopping = false;       // the front end will end soon: it is not ready
};

// 200 with this body.
[[nodiscard]] inline Response ok(std::string_view content_type, std::string body) {
  return {200, content_type, std::move(body), {}};
}

// The problem of a wait for the broker that failed.
[[nodiscard]] Response failed_wait(const Error& error, const RequestInterrupt& interrupt);

// 503: the converter has too much to do.
[[nodiscard]] Response busy();

// A whole number from 0 to `most`; anything else: nullopt.
[[nodiscard]] std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t most);

}  // namespace api
}  // namespace zebu::webfront
