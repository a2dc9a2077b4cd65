#include "producer/connection/job_request.h"

namespace zebu::producer {

JobRequest job_request(const std::string& task, std::string args, const std::string& queue, const JobFlags& flags) {
  JobRequest request{task, std::move(args), queue, flags.options};
  if (flags.unique_by_args) request.options.unique = unique_key_of(request.task, request.args);
  return request;
}

}  // namespace zebu::producer
