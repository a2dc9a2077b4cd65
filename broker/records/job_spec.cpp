#include "broker/records/job_spec.h"

namespace zebu::broker {

std::string unique_name(const JobSpec& spec) {
  std::string name;
  name.reserve(spec.queue.size() + 1 + spec.options.unique.size());
  return name.append(spec.queue).append(1, '\0').append(spec.options.unique);
}

std::size_t size_of(const JobSpec& spec, const Outcome& outcome) {
  std::size_t size = spec.size() + sizeof(Outcome) + outcome.result.size();
  size += outcome.error.type.size() + outcome.error.message.size();
  for (const std::string& line : outcome.error.trace) size += sizeof(line) + line.size();
  return size;
}

}  // namespace zebu::broker
