#include "broker/records/job_spec.h"

namespace zebu::broker {

std::size_t size_of(const JobSpec& spec, const Outcome& outcome) {
  std::size_t size = spec.size() + sizeof(Outcome) + outcome.result.size();
  size += outcome.error.type.size() + outcome.error.message.size();
  for (const std::string& line : outcome.error.trace) size += sizeof(line) + line.size();
  return size;
}

}  // namespace zebu::broker
