#pragma once

#include "zebu/program/descriptor.h"

#include <chrono>

namespace zebu::producer {

// Signals that end a program (SIGINT, SIGTERM, SIGHUP, SIGQUIT), for commands that have something to say or to put in
// order before they end. Create it before any other thread starts. Whoever has one must not block for longer than a
// moment without a look at it. It also ignores SIGPIPE, SIGXFSZ, SIGUSR1 and SIGUSR2.
class Interrupt {
 public:
  // How long a wait may take between two looks: a user does not notice.
  static constexpr std::chrono::milliseconds kPause{50};

  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  [[nodiscard]] bool is_raised() const;
  // Readable once a signal has come.
  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  // From here on the next signal ends the program at once, as if there was no Interrupt. One that came before is kept
  // for die().
  void release();
  // Takes that back.
  void hold();
  // Ends the program by the signal that came (SIGINT if none did), so that a shell shows 130, and a script's loop ends.
  [[noreturn]] void die();

 private:
  Descriptor descriptor_;
  int number_ = 0;
};

}  // namespace zebu::producer
