#include "run_task.h"

#include "throw_trace.h"

#include <zebu/task_failure.h>

#include <cxxabi.h>
#include <exception>
#include <typeinfo>

namespace zebu::consumer {
namespace {

// A longer text is an accident (a whole file in what()), and everybody would carry it.
constexpr std::size_t kMaxMessage = 64U << 10;
constexpr int kMaxCauses = 16;

std::string limited(std::string text) {
  if (text.size() > kMaxMessage) text.resize(kMaxMessage);
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

Outcome failed(std::string type, std::string message, std::vector<std::string> trace) {
  return {JobState::failed, {}, {std::move(type), limited(std::move(message)), std::move(trace)}, {}};
}

// Called inside of a catch block.
Outcome failed(std::string type, const std::exception& e, const ThrowTrace& throws) {
  auto trace = throws.lines();
  add_causes(e, trace);
  return failed(std::move(type), e.what(), std::move(trace));
}

}  // namespace

Outcome run_task(const Task& task, Context& context, Bytes args) {
  const ThrowTrace throws;
  try {
    return {JobState::succeeded, task.call(context, args), {}, {}};
  } catch (const Cancelled& e) {
    if (context.cancelled()) return {};
    return failed(type_name(), e, throws);
  } catch (const TaskFailure& e) {
    return failed(e.type(), e, throws);
  } catch (const BadArguments& e) {
    return failed("zebu::BadArguments", e.what(), {});
  } catch (const std::exception& e) {
    return failed(type_name(), e, throws);
  } catch (...) {
    return failed(type_name(), std::string(), throws.lines());
  }
}

Outcome unknown_task(std::string_view name) {
  return failed("zebu::UnknownTask", "this consumer has no task '" + std::string(name) + "'", {});
}

}  // namespace zebu::consumer
