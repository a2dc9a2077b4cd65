#pragma once

#include "http/target.h"
#include "zebu/awaitable.h"

#include <string>
#include <string_view>

namespace zebu::webfront {

enum class Method { get, head, post, options, other };

// A whole request. Views point into the connection's buffers and live until the response is made.
struct Request {
  Method method = Method::get;
  Target target;
  std::string_view parameter;  // what stands for the route's {…}
  std::string_view body;
  std::string_view content_type;
  std::string_view prefer;
  Interrupt* interrupt = nullptr;  // raised when the client has hung up, or the program must end
};

inline constexpr std::string_view kText = "text/plain; charset=utf-8";
inline constexpr std::string_view kJson = "application/json";
inline constexpr std::string_view kProblem = "application/problem+json";

struct Response {
  unsigned status = 200;
  std::string_view content_type = kText;
  std::string body;
  std::string headers;  // further ones, as they travel: "Retry-After: 1\r\n"
};

}  // namespace zebu::webfront
