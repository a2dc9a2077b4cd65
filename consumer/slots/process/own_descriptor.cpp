#include "consumer/slots/process/own_descriptor.h"

#include "consumer/slots/process/leftovers.h"

#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace zebu::consumer {

OwnDescriptor::OwnDescriptor(int descriptor) : descriptor_(descriptor) {
  struct stat file {};
  if (::fstat(descriptor, &file) != 0) return;
  device_ = file.st_dev;
  inode_ = file.st_ino;
}

void OwnDescriptor::check() const {
  struct stat file {};
  if (::fstat(descriptor_, &file) == 0 && file.st_dev == device_ && file.st_ino == inode_) return;
  exit_broken("closed a descriptor of its slot");
}

// Into the descriptor at once: what is in stdio's buffers is the task's.
void exit_broken(const char* what) {
  char text[256];
  const int size = std::snprintf(text, sizeof text, "a task has %s: the slot's process ends\n", what);
  if (size > 0) static_cast<void>(::write(STDERR_FILENO, text, static_cast<std::size_t>(size)) < 0);
  Leftovers::kill_below();
  ::_exit(EXIT_FAILURE);
}

}  // namespace zebu::consumer
