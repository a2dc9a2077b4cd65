// A link with a rate and a delay to a port of this machine, for the scripts beside it: prints where to connect.
#include "tests/support/slow_link.h"

#include <CLI/CLI.hpp>

#include <csignal>
#include <iostream>

int main(int argc, char** argv) {
  std::string to;
  std::size_t rate = 0;
  int delay_ms = 0;
  CLI::App app("A slow link to a broker on this machine.", "slow_link");
  app.add_option("--to", to, "tcp://127.0.0.1:PORT")->required();
  app.add_option("--rate", rate, "bytes per second in each direction; 0: no limit")->capture_default_str();
  app.add_option("--delay-ms", delay_ms, "in each direction")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const zebu::test::SlowLink link(to, {rate, std::chrono::milliseconds(delay_ms)});
  std::cout << "slow_link ready endpoint=" << link.endpoint() << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}
