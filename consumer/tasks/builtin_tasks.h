#pragma once

#include "zebu/registry.h"

// The built-in tasks of zebu-consumer.
namespace zebu::consumer {

// fib(n), 0 <= n <= 93, by naive recursion: work that grows with n and needs no memory.
void add_fib(Registry& registry);
// factorials(): computes k! for k from 0 to 1999, and returns the time that it took, in seconds.
void add_factorials(Registry& registry);
// sleep(ms) sleeps and returns ms; it ends at once when cancelled. echo(value) returns the value. progress(steps, ms)
// takes ms for each step, reports its progress and prints a line after each, and returns steps.
void add_simple_tasks(Registry& registry);
// Tasks that misbehave, for tests. fail(message, [is_permanent]) throws. flaky(times) throws in its first `times`
// attempts. crash() dies of SIGSEGV. hang() computes for ever and has no token. deaf(ms) computes for ms and ignores
// its token. hog(mib) allocates memory and returns its size. keywords(first, n=, text=) returns what it got, later(ms)
// asks for a retry in its first attempt, nested(depth) throws an exception with causes. And about() returns the job's
// data that a task can see.
void add_test_tasks(Registry& registry);

}  // namespace zebu::consumer
