#pragma once

#include "producer/options/producer_options.h"
#include "producer/text/json_arguments.h"
#include "zebu/client_session.h"

#include <string>

namespace zebu::producer {

[[nodiscard]] JobRequest job_request(const std::string& task, PackedArguments arguments, const std::string& queue,
                                     const JobFlags& flags);

}  // namespace zebu::producer
