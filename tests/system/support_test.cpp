#include "tests/support/catch.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

#include <csignal>
#include <stdexcept>

using namespace zebu::test;

TEST_CASE("a program's output and exit code are gathered") {
  const Finished ls = run({.command = {"sh", "-c", "echo out; echo err >&2; exit 3"}});
  CHECK(ls.out == "out\n");
  CHECK(ls.err == "err\n");
  CHECK(ls.exit.code == 3);
}

TEST_CASE("a line is found while the program runs, and a signal's end is told from an exit") {
  Process shell({.command = {"sh", "-c", "echo \"ready $WORD\"; read line"},
                 .environment = {{"WORD", "now"}},
                 .input_file = "/dev/zero"});
  CHECK(shell.wait_for_line("ready") == "ready now");
  CHECK(shell.is_running());
  shell.signal(SIGTERM);
  CHECK(shell.wait_exit().signal == SIGTERM);
}

TEST_CASE("waiting for a line that cannot come any more ends at once") {
  Process shell({"sh", "-c", "echo other"});
  CHECK_THROWS_AS(shell.wait_for_line("ready"), std::runtime_error);
}

TEST_CASE("the end of the scope kills the children too") {
  pid_t child = 0;
  {
    Process shell({"sh", "-c", "tail -f /dev/null & echo $!; wait"});
    child = std::stoi(shell.wait_for_line(""));
    CHECK(children_of(shell.pid()) == std::vector<pid_t>{child});
    CHECK(resident_bytes(shell.pid()) > 0);
  }
  CHECK(children_of(child).empty());
}

TEST_CASE("a temporary directory is gone after its scope") {
  std::filesystem::path path;
  {
    const TempDir dir;
    path = dir.write("a", "text");
    CHECK(dir.read("a") == "text");
  }
  CHECK_FALSE(std::filesystem::exists(path));
}
