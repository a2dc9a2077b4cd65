#pragma once

#include <zebu/registry.h>

// The tasks that zebu-consumer brings along.
namespace zebu::consumer {

// fib(n), 0 <= n <= 93, by naive recursion: work that grows with n and needs no memory.
void add_fib(Registry& registry);
// factorials(): computes k! for k from 0 to 1999, and returns the seconds that it took.
void add_factorials(Registry& registry);
// sleep(ms) returns ms afterwards, and ends at once when cancelled; echo(value) returns the value.
void add_simple_tasks(Registry& registry);
// What goes wrong, for tests: fail(message) throws, crash() dies of SIGSEGV, hang() computes for ever and heeds nobody,
// hog(mib) takes memory and returns how much.
void add_test_tasks(Registry& registry);

}  // namespace zebu::consumer
