#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/pty.h"
#include "tests/support/stack.h"
#include "tests/support/temp_dir.h"

#include <filesystem>

using namespace zebu::test;
using namespace std::chrono_literals;

namespace {

std::string page(const std::string& name, const std::string& kind) {
  const Finished printed = run({.command = {program(name), "--print-page", kind}});
  REQUIRE(printed.exit.code == 0);
  return printed.out;
}

bool is_installed(const std::string& tool) {
  return run({.command = {"bash", "-c", "command -v " + tool}}).exit.code == 0;
}

// What bash completes the last of these words with, sorted.
std::string completed(const std::string& name, const std::string& words, const std::string& folder) {
  const TempDir dir;
  const std::string script = dir.write("completion", page(name, "bash"));
  const std::string path = std::filesystem::path(program(name)).parent_path();
  const Finished ended = run(
      {.command = {"bash", "--norc", "-c",
                   "cd " + folder + "; PATH=" + path + ":$PATH; source " + script + "; COMP_WORDS=(" + words +
                       "); COMP_LINE=\"${COMP_WORDS[*]}\"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); compopt() { :; }; _" +
                       (name == "zebu-producer" ? "zebu_producer" : "zebu_broker") +
                       "; printf '%s\\n' \"${COMPREPLY[@]}\" | sort | paste -sd ' '"}});
  INFO(ended.err);
  CHECK(ended.err.empty());
  return ended.out.substr(0, ended.out.find('\n'));
}

}  // namespace

TEST_CASE("the build has made the manual page and the completions of each program") {
  for (const std::string name : kPrograms) {
    const std::filesystem::path pages = std::filesystem::path(program(name)).parent_path().parent_path() / "pages";
    CHECK(std::filesystem::file_size(pages / (name + ".1.gz")) > 1'000);
    CHECK(std::filesystem::file_size(pages / name) > 1'000);
  }
}

TEST_CASE("the manual pages have every option, and render without a warning") {
  if (!is_installed("groff")) {
    WARN("groff is not installed: the manual pages are not rendered");
    return;
  }
  const TempDir dir;
  for (const std::string name : kPrograms) {
    const std::string text = page(name, "man");
    const std::string file = dir.write(name + ".1", text);
    const Finished rendered = run({.command = {"groff", "-man", "-Tascii", "-ww", "-rLL=78n", "-P-cbou", file},
                                   .environment = {{"LC_ALL", "C.UTF-8"}}});
    INFO(name << '\n' << rendered.err);
    CHECK(rendered.exit.code == 0);
    CHECK(rendered.err.empty());
    for (const std::string part : {"NAME", "SYNOPSIS", "OPTIONS", "CONFIGURATION", "FILES", "EXAMPLES", "SEE ALSO",
                                   "--log-level", "--no-config"}) {
      INFO(part);
      CHECK(rendered.out.find(part) != std::string::npos);
    }
    CHECK(text.find("print\\-page") == std::string::npos);
  }
  const Finished whatis =
      run({.command = {"bash", "-c", "command -v lexgrog && lexgrog " + (dir.path() / "zebu-broker.1").string()}});
  if (whatis.exit.code == 0) CHECK(whatis.out.find("zebu-broker - ") != std::string::npos);
}

TEST_CASE("bash completes commands, options, words and files") {
  const TempDir dir;
  dir.write("numbers.jsonl", "1\n");
  const std::string at = dir.path();
  CHECK(completed("zebu-producer", "zebu-producer su", at) == "submit");
  CHECK(completed("zebu-producer", "zebu-producer p", at) == "pause ping purge");
  CHECK(completed("zebu-producer", "zebu-producer submit fib --ret", at) ==
        "--retries --retry-cap --retry-delay --retry-factor --retry-jitter");
  CHECK(completed("zebu-producer", "zebu-producer submit fib --conn", at) == "--connect-timeout");
  CHECK(completed("zebu-producer", "zebu-producer list --state s", at) == "scheduled succeeded");
  CHECK(completed("zebu-producer", "zebu-producer purge q --state ''", at) == "failed queued");
  CHECK(completed("zebu-producer", "zebu-producer --log-level in", at) == "info");
  CHECK(completed("zebu-producer", "zebu-producer map fib --input num", at) == "numbers.jsonl");
  CHECK(completed("zebu-producer", "zebu-producer --print", at) == "--print-config");
  CHECK(completed("zebu-broker", "zebu-broker ''", at) == "backup check compact migrate");
  CHECK(completed("zebu-broker", "zebu-broker backup --t", at) == "--to --transient-bytes --transient-limit");
}

TEST_CASE("bash completes the names that a running broker knows, and nothing without one") {
  StackOptions options;
  options.with_webfront = false;
  options.consumer = {"--queues", "reports,other"};
  const Stack stack(options);
  const TempDir dir;
  const std::string producer = "zebu-producer --broker " + stack.clients() + " ";
  // A slow machine's broker may not answer in time.
  const auto becomes = [&](const std::string& words, const std::string& expected) {
    return eventually([&] { return completed("zebu-producer", producer + words, dir.path()) == expected; }, 20s);
  };
  CHECK(becomes("pause rep", "reports"));
  CHECK(becomes("submit fib --queue ''", "other reports"));
  CHECK(becomes("submit fi", "fib"));
  CHECK(becomes("drain c", "consumer-0"));
  CHECK(completed("zebu-producer", "zebu-producer --broker tcp://127.0.0.1:1 pause rep", dir.path()).empty());
}

TEST_CASE("bash completes at a terminal") {
  const TempDir dir;
  const std::string script = dir.write("completion", page("zebu-producer", "bash"));
  const std::string path = std::filesystem::path(program("zebu-producer")).parent_path();
  PtyProcess bash({"env", "PATH=" + path + ":/usr/bin:/bin", "TERM=dumb", "bash", "--norc", "--noprofile"}, 100, 30);
  bash.type("source " + script + "; echo ready$((1+1))\n");
  bash.wait_for("ready2");
  bash.type("zebu-producer subm\t");
  bash.wait_for("submit ");
  bash.type("fib --prio\t");
  bash.wait_for("--priority ");
  bash.type(
      "\x15"
      "exit\n");
  CHECK(bash.wait_exit().code == 0);
}
