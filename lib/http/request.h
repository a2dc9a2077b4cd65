#pragma once

#include "http/target.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>

namespace zebu::http {

class Cancellation;
class ResponseWriter;

// other: a method that this server does not know.
enum class Method { get, head, post, put, patch, delete_, options, trace, connect, other };

// "GET"; "" for other.
[[nodiscard]] std::string_view name_of(Method method);
// Whether it changes nothing on the server (RFC 9110, 9.2.1).
[[nodiscard]] bool is_safe(Method method);

// A complete request. The views point into the connection's buffers and are valid until the response has been made, the
// body until drop_body(): a handler that waits long calls it, so that the body's memory does not wait with it.
struct Request {
  Method method = Method::get;
  Target target;
  std::string_view parameter;  // the segment that matched the route's {…}
  std::string_view body;
  std::string_view host;  // Host; empty when there is none (HTTP/1.0)
  std::string_view content_type;
  std::string_view prefer;  // of all its lines, joined by commas, as of the next
  std::optional<std::string_view> idempotency_key;
  std::string_view authorization;   // empty also if there are several
  std::string_view origin;          // these two are a browser's
  std::string_view fetch_site;      // Sec-Fetch-Site
  std::string_view last_event_id;   // Last-Event-ID: where a reader of events goes on
  std::string_view traceparent;     // empty also if there are several
  std::function<void()> drop_body;  // these three are set while a handler runs
  Cancellation* cancellation = nullptr;
  ResponseWriter* writer = nullptr;  // for a response in pieces
};

}  // namespace zebu::http
