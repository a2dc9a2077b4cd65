#pragma once

#include "zebu/registry.h"

namespace zebu {

// A whole consumer program: reads the options, runs the registry's tasks for the broker until SIGTERM or SIGINT, and
// returns main's exit code.
//
//   int main(int argc, char** argv) {
//     zebu::Registry tasks;
//     tasks.add("greet", [](std::string name) { return "Hello, " + name; });
//     return zebu::run_consumer(argc, argv, tasks);
//   }
//
// How tasks are written is in docs/tasks.md: arguments, zebu::Context, errors, limits.
//
// Slots are processes that run this same program again: register all tasks before the call, whatever the arguments are,
// and let main do nothing before it that must happen only once. test_tasks (may be null): tasks that only the option
// --test-tasks turns on; without them there is no such option.
[[nodiscard]] int run_consumer(int argc, char** argv, const Registry& registry, const Registry* test_tasks = nullptr);

}  // namespace zebu
