#pragma once

#include "zebu/registry.h"

// The tasks that zebu-consumer brings along.
namespace zebu::consumer {

// fib(n), 0 <= n <= 93, by naive recursion: work that grows with n and needs no memory.
void add_fib(Registry& registry);
// factorials(): computes k! for k from 0 to 1999, and returns the seconds that it took.
void add_factorials(Registry& registry);
// sleep(ms) returns ms afterwards, and ends at once when cancelled; echo(value) returns the value; progress(steps, ms)
// takes ms for each step, tells how far it is, prints a line for each, and returns steps.
void add_simple_tasks(Registry& registry);
// What goes wrong, for tests: fail(message, [is_permanent]) throws, flaky(times) throws in its first attempts, crash()
// dies of SIGSEGV, hang() computes for ever and heeds nobody, deaf(ms) computes so long and sees its token without
// heeding it, hog(mib) takes memory and returns how much. And about() returns what a task may know of its job.
void add_test_tasks(Registry& registry);

}  // namespace zebu::consumer
