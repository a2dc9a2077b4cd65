#pragma once

#include "producer/options/producer_options.h"
#include "zebu/client_session.h"

#include <string>

namespace zebu::producer {

// args: one msgpack array.
[[nodiscard]] JobRequest job_request(const std::string& task, std::string args, const std::string& queue,
                                     const JobFlags& flags);

}  // namespace zebu::producer
