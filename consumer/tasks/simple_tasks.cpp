#include "builtin_tasks.h"

namespace zebu::consumer {

void add_simple_tasks(Registry& registry) {
  registry.add("echo", [](RawValue value) { return value; });
  registry.add("sleep", [](Context& context, std::uint32_t ms) {
    if (!context.wait_for(std::chrono::milliseconds(ms))) throw Cancelled();
    return ms;
  });
}

}  // namespace zebu::consumer
