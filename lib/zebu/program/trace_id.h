#pragma once

#include "zebu/job.h"

#include <span>
#include <string_view>

namespace zebu {

// The trace id (32 digits) in a job's header `traceparent`, as W3C Trace Context has it; empty if there is none.
[[nodiscard]] std::string_view trace_id_in(std::span<const Header> headers);

}  // namespace zebu
