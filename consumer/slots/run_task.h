#pragma once

#include "zebu/registry.h"

namespace zebu::consumer {

// The type of a failure that its slot's memory limit caused.
inline constexpr const char* kMemoryLimit = "zebu::MemoryLimit";

// Runs a task for a job in the calling thread. An exception becomes the failed outcome that docs/protocol.md describes,
// with the stack of the throw. The caller sets `ran`.
[[nodiscard]] Outcome run_task(const Task& task, Context& context, Bytes args);

// Called inside a catch block: the exception's type and text, "std::runtime_error: no model".
[[nodiscard]] std::string describe_exception();

// The outcome of an attempt that was ended because of its hard limit.
[[nodiscard]] Outcome past_hard_limit(std::chrono::milliseconds limit, std::vector<std::string> trace);
// The outcome of a job whose task this consumer does not have.
[[nodiscard]] Outcome unknown_task(std::string_view name);
// The outcome of a job that the consumer cannot read; another consumer may be able to.
[[nodiscard]] Outcome unreadable_assignment(std::string_view why);

}  // namespace zebu::consumer
