#include "consumer/slots/run_task.h"

#include "consumer/slots/throw_trace.h"
#include "consumer/slots/units.h"
#include "zebu/task_failure.h"
#include "zebu/utf8.h"

#include <sys/resource.h>

#include <cxxabi.h>
#include <exception>
#include <new>
#include <typeinfo>

namespace zebu::consumer {
namespace {

// A longer text is an accident (a whole file in what()), and every message about the job would carry it.
constexpr std::size_t kMaxMessage = 64U << 10;
constexpr int kMaxCauses = 16;

// Exceptions may hold any bytes.
std::string limited(std::string text) {
  text.resize(utf8_beginning(text, kMaxMessage).size());
  mend_utf8(text);
  text.resize(utf8_beginning(text, kMaxMessage).size());
  return text;
}

std::string type_name() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  return type == nullptr ? "unknown" : demangled(type->name());
}

void add_causes(const std::exception& outer, std::vector<std::string>& trace, int depth = 0) {
  if (depth == kMaxCauses) return;
  try {
    std::rethrow_if_nested(outer);
  } catch (const std::exception& cause) {
    trace.push_back(limited("caused by " + type_name() + ": " + cause.what()));
    add_causes(cause, trace, depth + 1);
  } catch (...) {
    trace.push_back("caused by " + type_name());
  }
}

Outcome failed(std::string type, std::string message, std::vector<std::string> trace,
               ErrorKind kind = ErrorKind::failure) {
  return {JobState::failed, {}, {limited(std::move(type)), limited(std::move(message)), std::move(trace), kind}, {}};
}

// The following functions are called inside a catch block.

std::vector<std::string> trace_of(const std::exception& e, const ThrowTrace& throws) {
  auto trace = throws.lines();
  add_causes(e, trace);
  return trace;
}

// An exception that a task throws after its soft limit is attributed to the limit.
Outcome past_soft_limit(const Context& context, const std::exception* e, const ThrowTrace& throws) {
  auto trace = throws.lines();
  if (e != nullptr) {
    trace.push_back(limited("caused by " + type_name() + ": " + e->what()));
    add_causes(*e, trace);
  }
  const std::string limit = readable(context.soft_limit().value_or(std::chrono::milliseconds(0)));
  return failed("zebu::SoftLimit", "the job ran longer than its soft limit of " + limit, std::move(trace));
}

Outcome out_of_memory(const std::bad_alloc& e, const ThrowTrace& throws) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return failed(type_name(), e.what(), trace_of(e, throws));
  }
  return failed(kMemoryLimit, "the task wanted more memory than the " + readable_bytes(limit.rlim_cur) + " of its slot",
                trace_of(e, throws));
}

}  // namespace

Outcome run_task(const Task& task, Context& context, Bytes args) {
  const ThrowTrace throws;
  try {
    return {JobState::succeeded, task.call(context, args), {}, {}};
  } catch (const PermanentFailure& e) {
    return failed(e.type(), e.what(), trace_of(e, throws), ErrorKind::permanent);
  } catch (const TaskFailure& e) {
    return failed(e.type(), e.what(), trace_of(e, throws));
  } catch (const BadArguments& e) {
    return failed("zebu::BadArguments", e.what(), {}, ErrorKind::permanent);
  } catch (const Cancelled& e) {
    if (context.soft_limit_reached()) return past_soft_limit(context, nullptr, throws);
    if (context.cancelled()) return Outcome::cancelled();
    return failed(type_name(), e.what(), trace_of(e, throws));
  } catch (const std::bad_alloc& e) {
    return out_of_memory(e, throws);
  } catch (const std::exception& e) {
    if (context.soft_limit_reached()) return past_soft_limit(context, &e, throws);
    return failed(type_name(), e.what(), trace_of(e, throws));
  } catch (...) {
    return failed(type_name(), std::string(), throws.lines());
  }
}

Outcome past_hard_limit(std::chrono::milliseconds limit, std::vector<std::string> trace) {
  return failed("zebu::HardLimit", "the job ran longer than its hard limit of " + readable(limit), std::move(trace),
                ErrorKind::crash);
}

Outcome unreadable_assignment(std::string_view why) {
  return Outcome::failed({"zebu::BadAssignment", "the consumer cannot read this job: " + std::string(why), {}, {}});
}

Outcome unknown_task(std::string_view name) {
  return failed("zebu::UnknownTask", "this consumer has no task '" + std::string(name) + "'", {}, ErrorKind::permanent);
}

}  // namespace zebu::consumer
