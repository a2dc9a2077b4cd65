#include "tests/crash/mortal.h"

#include <csignal>
#include <stdexcept>

namespace zebu::crash {

void Mortal::start() {
  lives_.emplace_back(options_);
  is_started_ = true;
}

void Mortal::kill() {
  lives_.back().signal(SIGKILL);
  is_started_ = false;
}

void Mortal::stand_still(bool with_children) {
  if (with_children) {
    lives_.back().signal_group(SIGSTOP);
  } else {
    lives_.back().signal(SIGSTOP);
  }
}

void Mortal::go_on() { lives_.back().signal_group(SIGCONT); }

bool Mortal::is_finished() {
  if (lives_.empty() || lives_.back().is_running()) return false;
  const auto exit = lives_.back().wait_exit();
  if (exit.code == 0) return true;
  if (exit.signal == SIGKILL) return false;
  throw std::runtime_error(options_.command.front() + " ended by itself:\n" + lives_.back().err());
}

std::string Mortal::said() const {
  std::string all;
  for (const test::Process& life : lives_) all += "--- process " + std::to_string(life.pid()) + "\n" + life.err();
  return all;
}

}  // namespace zebu::crash
