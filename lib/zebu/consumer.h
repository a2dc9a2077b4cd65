#pragma once

#include "zebu/registry.h"

namespace zebu {

// A complete consumer program: reads the options, runs the registry's tasks for the broker until it is told to stop
// (SIGTERM, SIGINT, SIGHUP, the command drain), and returns the exit code for main.
//
//   int main(int argc, char** argv) {
//     zebu::Registry tasks;
//     tasks.add("greet", [](std::string name) { return "Hello, " + name; });
//     return zebu::run_consumer(argc, argv, tasks);
//   }
//
// docs/tasks.md describes how to write tasks: arguments, zebu::Context, errors, limits.
//
// Unless --pool threads is given, each slot is a process that runs this same program. So register all tasks before the
// call, whatever argv says, and do nothing before it that must happen only once. test_tasks: tasks that the option
// --test-tasks enables; if null, the program does not have that option.
[[nodiscard]] int run_consumer(int argc, char** argv, const Registry& registry, const Registry* test_tasks = nullptr);

}  // namespace zebu
