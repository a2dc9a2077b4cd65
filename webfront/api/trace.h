#pragma once

#include "zebu/client_request.h"

#include <string>
#include <string_view>

// Where a job belongs in a trace (W3C Trace Context). The trace goes along as the job's header `traceparent`.
namespace zebu::webfront::api {

// "00-", 32 digits that are not all 0, "-", 16 such digits, "-" and 2 digits, in lower case: the version that this is
// written for, and no other.
[[nodiscard]] bool is_traceparent(std::string_view text);

// The request's traceparent, or a new one if it is none.
[[nodiscard]] std::string trace_of(std::string_view traceparent);

// Gives the job the trace if it has none of its own, and has room for another header.
void add_trace(JobOptions& options, const std::string& trace);

// The header of a response that says in which trace its jobs are: "Traceparent: …\r\n".
[[nodiscard]] std::string traceparent_header(std::string_view trace);
// The same of one job, which may have a trace of its own. Empty: it is in none.
[[nodiscard]] std::string trace_header(const JobOptions& options);

}  // namespace zebu::webfront::api
