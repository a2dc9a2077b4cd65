#include "producer/connection/job_request.h"

namespace zebu::producer {

JobRequest job_request(const std::string& task, PackedArguments arguments, const std::string& queue,
                       const JobFlags& flags) {
  JobRequest request{task, std::move(arguments.args), queue, flags.options, std::move(arguments.kwargs)};
  if (flags.unique_by_args) request.options.unique = unique_key_of(request.task, request.args, request.kwargs);
  return request;
}

}  // namespace zebu::producer
