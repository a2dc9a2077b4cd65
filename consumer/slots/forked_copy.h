#pragma once

namespace zebu::consumer {

// A task may call fork() and return in both processes. The copy has this process's memory and descriptors, so it must
// neither report an outcome nor take another job: it ends as soon as it leaves the task.

// Call it before the first task runs: the calling process is the original.
void remember_original_process();
// True in a copy, made by whatever call. Costs one read of memory. False before remember_original_process().
[[nodiscard]] bool is_forked_copy();

}  // namespace zebu::consumer
