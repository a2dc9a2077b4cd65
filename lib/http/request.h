#pragma once

#include "http/target.h"

#include <functional>
#include <string_view>

namespace zebu::http {

class Cancellation;

enum class Method { get, head, post, options, other };

// A complete request. The views point into the connection's buffers and are valid until the response has been made, the
// body until drop_body(): a handler that waits long calls it, so that the body's memory does not wait with it.
struct Request {
  Method method = Method::get;
  Target target;
  std::string_view parameter;  // the segment that matched the route's {…}
  std::string_view body;
  std::string_view content_type;
  std::string_view prefer;
  std::function<void()> drop_body;  // these two are set while a handler runs
  Cancellation* cancellation = nullptr;
};

}  // namespace zebu::http
