#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "tests/support/stack.h"

#include <string>

using namespace zebu::test;

namespace {

Finished produce_to(const Stack& stack, const std::string& arguments, const std::string& redirection) {
  const std::string producer = program("zebu-producer") + " --broker " + stack.clients() + " ";
  return run({.command = {"bash", "-c", producer + arguments + " " + redirection}});
}

}  // namespace

TEST_CASE("output that cannot be written is said, and exit code 1") {
  StackOptions options;
  options.with_webfront = false;
  const Stack stack(options);
  const Finished done = stack.produce({"submit", "echo", "1"});
  const std::string id = done.out.substr(0, done.out.find('\n'));
  REQUIRE(stack.produce({"wait", id}).exit.code == 0);
  for (const std::string& arguments :
       {std::string("submit echo 1 --wait"), std::string("submit echo 1"), "status " + id, "wait " + id,
        std::string("queues"), std::string("ping"), std::string("list"), std::string("list --output json"),
        std::string("top"), std::string("queues --output json"), std::string("--help"), std::string("--print-config"),
        std::string("pause other"), std::string("resume other")}) {
    INFO(arguments);
    const Finished full = produce_to(stack, arguments, ">/dev/full");
    CHECK(full.exit.code == 1);
    CHECK(full.err == "zebu-producer: cannot write to stdout: No space left on device\n");
  }
}

TEST_CASE("output to a closed stdout is said, and another exit code stays") {
  StackOptions options;
  options.with_webfront = false;
  const Stack stack(options);
  const Finished closed = produce_to(stack, "ping", ">&-");
  CHECK(closed.exit.code == 1);
  CHECK(closed.err == "zebu-producer: cannot write to stdout: Bad file descriptor\n");
  CHECK(produce_to(stack, "wait 0192f3a4-0000-7000-8000-000000000000", ">&-").err.find("stdout") == std::string::npos);
  CHECK(produce_to(stack, "submit --nope", ">/dev/full").exit.code == 2);
  CHECK(produce_to(stack, "list --limit 1000", "| true; exit ${PIPESTATUS[0]}").err.empty());
}
