#include "consumer/slots/run_task.h"

#include "consumer/slots/throw_trace.h"
#include "consumer/slots/units.h"
#include "zebu/task_failure.h"
#include "zebu/utf8.h"

#include <sys/resource.h>

#include <algorithm>
#include <cxxabi.h>
#include <exception>
#include <new>
#include <string_view>
#include <typeinfo>

namespace zebu::consumer {
namespace {

// A longer text is an accident (a whole file in what()), and every message about the job would carry it.
constexpr std::size_t kMaxMessage = 64U << 10;

// Exceptions may hold any bytes.
std::string limited(std::string text) {
  text.resize(utf8_beginning(text, kMaxMessage).size());
  mend_utf8(text);
  text.resize(utf8_beginning(text, kMaxMessage).size());
  return text;
}

std::string type_name() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  std::string name = type == nullptr ? "unknown" : demangled(type->name());
  // What std::throw_with_nested makes of an exception: one of the type that was thrown, and of no other.
  constexpr std::string_view kNested = "std::_Nested_exception<";
  if (name.starts_with(kNested) && name.ends_with('>'))
    name = name.substr(kNested.size(), name.size() - kNested.size() - 1);
  return name;
}

// The exception that is being handled, with what it is nested in as std::throw_with_nested says; e: null if it is no
// std::exception.
TaskError cause_of(const std::exception* e, int depth = 1);

void add_cause(TaskError& to, const std::exception& outer, int depth = 0) {
  if (depth == kMaxCauses) return;
  try {
    std::rethrow_if_nested(outer);
  } catch (const std::exception& cause) {
    to.details.need().cause = cause_of(&cause, depth + 1);
  } catch (...) {
    to.details.need().cause = cause_of(nullptr);
  }
}

TaskError cause_of(const std::exception* e, int depth) {
  TaskError error{limited(type_name()), {}, {}};
  if (e == nullptr) return error;
  if (const auto* failure = dynamic_cast<const TaskFailure*>(e)) error.type = limited(failure->type());
  error.message = limited(e->what());
  add_cause(error, *e, depth);
  return error;
}

Outcome failed(std::string type, std::string message, std::vector<std::string> trace,
               ErrorKind kind = ErrorKind::failure) {
  return {JobState::failed, {}, {limited(std::move(type)), limited(std::move(message)), std::move(trace), kind}, {}};
}

// The following functions are called inside a catch block.

Outcome failed_with(const std::exception& e, std::string type, std::string message, const ThrowTrace& throws,
                    ErrorKind kind = ErrorKind::failure) {
  Outcome outcome = failed(std::move(type), std::move(message), throws.lines(), kind);
  add_cause(outcome.error, e);
  return outcome;
}

// An exception that a task throws after its soft limit is attributed to the limit.
Outcome past_soft_limit(const Context& context, const std::exception* e, const ThrowTrace& throws) {
  const std::string limit = readable(context.soft_limit().value_or(std::chrono::milliseconds(0)));
  Outcome outcome = failed("zebu::SoftLimit", "the job ran longer than its soft limit of " + limit, throws.lines());
  if (e != nullptr) outcome.error.details.need().cause = cause_of(e);
  return outcome;
}

Outcome out_of_memory(const std::bad_alloc& e, const ThrowTrace& throws) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return failed_with(e, type_name(), e.what(), throws);
  }
  return failed_with(e, kMemoryLimit,
                     "the task wanted more memory than the " + readable_bytes(limit.rlim_cur) + " of its slot", throws);
}

}  // namespace

Outcome run_task(const Task& task, Context& context, Bytes args) {
  const ThrowTrace throws;
  try {
    return {JobState::succeeded, task.call(context, args), {}, {}};
  } catch (const PermanentFailure& e) {
    return failed_with(e, e.type(), e.what(), throws, ErrorKind::permanent);
  } catch (const Retry& e) {
    Outcome outcome = failed_with(e, e.type(), e.what(), throws);
    outcome.error.details.need().retry_after = std::clamp(e.after(), std::chrono::milliseconds(0), kMaxDuration);
    return outcome;
  } catch (const TaskFailure& e) {
    return failed_with(e, e.type(), e.what(), throws);
  } catch (const BadArguments& e) {
    return failed("zebu::BadArguments", e.what(), {}, ErrorKind::permanent);
  } catch (const Cancelled& e) {
    if (context.soft_limit_reached()) return past_soft_limit(context, nullptr, throws);
    if (context.cancelled()) return Outcome::cancelled();
    return failed_with(e, type_name(), e.what(), throws);
  } catch (const std::bad_alloc& e) {
    return out_of_memory(e, throws);
  } catch (const std::exception& e) {
    if (context.soft_limit_reached()) return past_soft_limit(context, &e, throws);
    return failed_with(e, type_name(), e.what(), throws);
  } catch (...) {
    return failed(type_name(), std::string(), throws.lines());
  }
}

std::string describe_exception() {
  std::string text = type_name();
  try {
    throw;
  } catch (const std::exception& e) {
    text += std::string(": ") + e.what();
  } catch (...) {
  }
  return limited(std::move(text));
}

Outcome past_hard_limit(std::chrono::milliseconds limit, std::vector<std::string> trace) {
  return failed("zebu::HardLimit", "the job ran longer than its hard limit of " + readable(limit), std::move(trace));
}

Outcome unreadable_assignment(std::string_view why) {
  return Outcome::failed({"zebu::BadAssignment", "the consumer cannot read this job: " + std::string(why), {}, {}});
}

Outcome unknown_task(std::string_view name) {
  return failed("zebu::UnknownTask", "this consumer has no task '" + std::string(name) + "'", {}, ErrorKind::permanent);
}

}  // namespace zebu::consumer
