#pragma once

#include "http/response.h"

#include <string>
#include <string_view>

// Problem documents (RFC 9457): errors as JSON.
namespace zebu::http {

inline constexpr std::string_view kProblem = "application/problem+json";
// A problem's type is this prefix and its name.
inline constexpr std::string_view kProblemPrefix = "urn:zebu:problem:";

struct Problem {
  unsigned status;
  std::string_view type;  // without the prefix
  std::string_view title;
};

// The problems that any server may respond with. A program adds its own.
namespace problems {
inline constexpr Problem kBadRequest{400, "bad_request", "The request is malformed"};
inline constexpr Problem kCrossSite{403, "cross_site", "Another site's page made the request"};
inline constexpr Problem kNotFound{404, "not_found", "There is no resource at this path"};
inline constexpr Problem kMethodNotAllowed{405, "method_not_allowed", "The path does not support this method"};
inline constexpr Problem kTimedOut{408, "request_timed_out", "The request took too long to arrive"};
inline constexpr Problem kTooLarge{413, "too_large", "The body is too large"};
inline constexpr Problem kExpectation{417, "expectation_failed", "The expectation is not supported"};
inline constexpr Problem kMisdirected{421, "misdirected", "This server does not serve that host"};
inline constexpr Problem kHeaderTooLarge{431, "header_too_large", "The headers are too large"};
inline constexpr Problem kInternal{500, "internal", "Internal server error"};
inline constexpr Problem kNotImplemented{501, "not_implemented", "The server does not implement this"};
inline constexpr Problem kOverloaded{503, "overloaded", "The server is overloaded"};
inline constexpr Problem kStopping{503, "stopping", "The server is stopping"};
inline constexpr Problem kVersion{505, "http_version", "The HTTP version is not supported"};
}  // namespace problems

// detail: what went wrong this time; left out when empty. extension: further members as JSON, `"error":{…}`.
[[nodiscard]] Response problem_response(const Problem& problem, std::string_view detail,
                                        std::string_view extension = {});

}  // namespace zebu::http
