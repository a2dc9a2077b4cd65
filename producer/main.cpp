#include "producer/commands/subcommands.h"
#include "producer/text/checked_stdout.h"
#include "producer/text/complain.h"
#include "zebu/program/log.h"

#include <exception>

namespace {

int run_command(int argc, char** argv) {
  using namespace zebu::producer;
  const auto read = read_options(argc, argv);
  if (const int* exit_code = std::get_if<int>(&read)) return *exit_code;
  const Options& options = std::get<Options>(read);
  zebu::start_log({.program = "zebu-producer", .level = options.common.log_level});
  return std::visit([&](const auto& command) { return run(options.common, command); }, options.command);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    zebu::producer::CheckedStdout out;
    return out.checked(run_command(argc, argv));
  } catch (const std::exception& e) {
    zebu::producer::complain(e.what());
    return 1;
  }
}
