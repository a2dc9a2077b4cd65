#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

using namespace zebu::test;

namespace {

const char* const kPrograms[] = {"zebu-broker", "zebu-consumer", "zebu-producer", "zebu-webfront"};

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("a flag wins over the environment, and the environment over the file") {
  const TempDir dir;
  const std::string file = dir.write("broker.toml", "queue-limit = 1\nkeep = 1\nmax-peers = 1\n");
  const Finished broker =
      run({.command = {program("zebu-broker"), "--config", file, "--queue-limit", "3", "--print-config"},
           .environment = {{"ZEBU_QUEUE_LIMIT", "2"}, {"ZEBU_KEEP", "2"}}});
  INFO(broker.err);
  CHECK(broker.exit.code == 0);
  CHECK(has_line(broker.out, "queue-limit=3"));
  CHECK(has_line(broker.out, "keep=2"));
  CHECK(has_line(broker.out, "max-peers=1"));
}

TEST_CASE("the option --config reads the output of --print-config, and gives the same options") {
  const TempDir dir;
  for (const std::string name : kPrograms) {
    const Finished first = run({.command = {program(name), "--log-level", "error", "--print-config"}});
    const std::string file = dir.write("printed.toml", first.out);
    const Finished second = run({.command = {program(name), "--config", file, "--print-config"}});
    INFO(name << '\n' << first.out << second.err);
    CHECK(second.exit.code == 0);
    CHECK(has_line(second.out, "log-level=\"error\""));
  }
}

TEST_CASE("submit and map accept the configuration that --print-config prints") {
  const TempDir dir;
  const std::string file =
      dir.write("printed.toml", run({.command = {program("zebu-producer"), "--print-config"}}).out);
  for (const std::string command : {"submit", "map"}) {
    const Finished ended =
        run({.command = {program("zebu-producer"), "--config", file, command, "t", "--print-config"}});
    INFO(command << '\n' << ended.err);
    CHECK(ended.exit.code == 0);
  }
}

TEST_CASE("an invalid endpoint is wrong usage") {
  const std::vector<std::vector<std::string>> wrong = {
      {"zebu-broker", "--clients", "tcp://127.0.0.1:99999"}, {"zebu-broker", "--consumers", "5556"},
      {"zebu-broker", "--clients", "tcp://127.0.0.1"},       {"zebu-consumer", "--broker", "http://127.0.0.1:5556"},
      {"zebu-producer", "--broker", "tcp://:1", "queues"},   {"zebu-webfront", "--broker", "tcp://h:x"}};
  for (std::vector<std::string> command : wrong) {
    command[0] = program(command[0]);
    const Finished ended = run({.command = command});
    INFO(command[0] << ' ' << command[2] << '\n' << ended.err);
    CHECK(ended.exit.code == 2);
    CHECK(ended.err.find("'" + command[2] + "' is not a valid endpoint: use tcp://HOST:PORT") != std::string::npos);
  }
}

TEST_CASE("an unknown key in the configuration file is named, and ends the program") {
  const TempDir dir;
  const std::string file = dir.write("typo.toml", "liveliness = \"1s\"\n");
  for (const std::string name : kPrograms) {
    const Finished ended = run({.command = {program(name), "--config", file}});
    INFO(name);
    CHECK(ended.exit.code == 2);
    CHECK(ended.err.find("liveliness") != std::string::npos);
    CHECK(ended.err.find("unknown key") != std::string::npos);
  }
}
