#pragma once

#include "http/target.h"

#include <string_view>

namespace zebu::http {

class Cancellation;

enum class Method { get, head, post, options, other };

// A complete request. The views point into the connection's buffers and are valid until the response has been made.
struct Request {
  Method method = Method::get;
  Target target;
  std::string_view parameter;  // the segment that matched the route's {…}
  std::string_view body;
  std::string_view content_type;
  std::string_view prefer;
  Cancellation* cancellation = nullptr;  // set while a handler runs
};

}  // namespace zebu::http
