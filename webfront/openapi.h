#pragma once

#include <string_view>

namespace zebu::webfront {

// openapi.json, made part of the program by the build.
extern const std::string_view kOpenApi;

}  // namespace zebu::webfront
