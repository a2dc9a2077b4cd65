#include "broker/records/job_spec.h"

#include "zebu/utf8.h"

namespace zebu::broker {

std::string unique_name(const JobSpec& spec) {
  std::string name;
  name.reserve(spec.queue.size() + 1 + spec.options.unique.size());
  return name.append(spec.queue).append(1, '\0').append(spec.options.unique);
}

std::string joined_arguments(const JobSpec& spec) {
  std::string joined;
  joined.reserve(spec.argument_bytes());
  return joined.append(spec.args).append(spec.keywords());
}

namespace {

std::size_t size_of(const TaskError& error) {
  std::size_t size = error.type.size() + error.message.size();
  for (const std::string& line : error.trace) size += sizeof(line) + line.size();
  if (error.details) size += sizeof(ErrorDetails);
  return size + (error.cause() != nullptr ? sizeof(TaskError) + size_of(*error.cause()) : 0);
}

}  // namespace

void shorten(TaskError& error) {
  constexpr std::size_t kMessage = 64U << 10;
  if (size_of(error) <= kLargeValue) return;
  error.type.resize(utf8_beginning(error.type, kMaxName).size());
  error.message.resize(utf8_beginning(error.message, kMessage).size());
  error.trace.clear();
  error.details.reset();
}

std::size_t size_of(const JobSpec& spec, const Outcome& outcome) {
  const std::size_t error = outcome.state == JobState::failed ? size_of(outcome.error) : 0;
  return spec.size() + sizeof(Outcome) + outcome.result.size() + error;
}

}  // namespace zebu::broker
