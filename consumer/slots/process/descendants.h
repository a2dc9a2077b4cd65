#pragma once

#include <sys/types.h>

#include <cstddef>

// Which processes stand below another one, from /proc. These functions may be called in a signal handler.
namespace zebu::consumer {

// Calls visit(child, context) for each child of the process, also those that its other threads started or inherited.
// Children that come or go meanwhile may be missed: look again. Finds none where /proc is missing.
void visit_children(pid_t of, void (*visit)(pid_t child, void* context), void* context);

template <class Visit>
void for_each_child(pid_t of, Visit&& visit) {
  visit_children(
      of, [](pid_t child, void* context) { (*static_cast<Visit*>(context))(child); },
      const_cast<void*>(static_cast<const void*>(&visit)));
}

// Sends SIGKILL to the process and to all below it.
void kill_tree(pid_t root);

}  // namespace zebu::consumer
