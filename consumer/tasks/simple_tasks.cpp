#include "consumer/tasks/builtin_tasks.h"

#include <string>

namespace zebu::consumer {
namespace {

std::uint32_t progress(Context& context, std::uint32_t steps, std::uint32_t ms) {
  for (std::uint32_t step = 1; step <= steps; ++step) {
    if (!context.wait_for(std::chrono::milliseconds(ms))) throw Cancelled();
    context.progress(static_cast<double>(step) / steps, std::to_string(step) + " of " + std::to_string(steps));
    context.print("step " + std::to_string(step) + " took " + std::to_string(ms) + " ms\n");
  }
  return steps;
}

}  // namespace

void add_simple_tasks(Registry& registry) {
  registry.add("echo", [](RawValue value) { return value; });
  registry.add("sleep", [](Context& context, std::uint32_t ms) {
    if (!context.wait_for(std::chrono::milliseconds(ms))) throw Cancelled();
    return ms;
  });
  registry.add("progress",
               [](Context& context, std::uint32_t steps, std::uint32_t ms) { return progress(context, steps, ms); });
}

}  // namespace zebu::consumer
