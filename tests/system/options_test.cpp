#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

#include <filesystem>

using namespace zebu::test;

namespace {

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
  CHECK(has_line(broker.out, "queue-limit = 3"));
  CHECK(has_line(broker.out, "keep = 2"));
  CHECK(has_line(broker.out, "max-peers = 1"));
}

TEST_CASE("the option --config reads the output of --print-config, and gives the same options") {
  const TempDir dir;
  for (const std::string name : kPrograms) {
    const Finished first = run({.command = {program(name), "--log-level", "error", "--print-config"}});
    const std::string file = dir.write("printed.toml", first.out);
    const Finished second = run({.command = {program(name), "--config", file, "--print-config"}});
    INFO(name << '\n' << first.out << second.err);
    CHECK(second.exit.code == 0);
    CHECK(has_line(second.out, "log-level = \"error\""));
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

TEST_CASE("the option --print-config writes values as a file has them, and reads back the same") {
  const TempDir dir;
  const std::string file = dir.write(
      "broker.toml",
      "queue-limit = 5_000\nqueue-bytes = \"2048MiB\"\nkeep-bytes = 1000\nresult-ttl = \"90m\"\nspin = 0.0001\n"
      "store = \"sqlite:/tmp/\\u0041 \\\"b\\\".db\"\n");
  const Finished first = run({.command = {program("zebu-broker"), "--config", file, "--print-config"}});
  INFO(first.out << first.err);
  REQUIRE(first.exit.code == 0);
  CHECK(first.out.find("Read from " + file + ".\n") != std::string::npos);
  CHECK(has_line(first.out, "queue-limit = 5000"));
  CHECK(has_line(first.out, "queue-bytes = \"2GiB\""));
  CHECK(has_line(first.out, "keep-bytes = \"1000\""));
  CHECK(has_line(first.out, "result-ttl = \"1h30m\""));
  CHECK(has_line(first.out, "spin = \"100us\""));
  CHECK(has_line(first.out, "store = \"sqlite:/tmp/A \\\"b\\\".db\""));
  const std::string printed = dir.write("printed.toml", first.out);
  const Finished second = run({.command = {program("zebu-broker"), "--config", printed, "--print-config"}});
  INFO(second.err);
  CHECK(second.out.substr(second.out.find('\n')) == first.out.substr(first.out.find('\n')));
}

TEST_CASE("without --config the first file is read that stands in its place") {
  const TempDir dir;
  std::filesystem::create_directories(dir.path() / "home/.config/zebu");
  std::filesystem::create_directories(dir.path() / "xdg/zebu");
  const auto printed = [&](const std::vector<std::string>& more, const std::string& xdg) {
    std::vector<std::string> command = {program("zebu-broker"), "--print-config"};
    command.insert(command.end(), more.begin(), more.end());
    return run({.command = command, .environment = {{"HOME", dir.path() / "home"}, {"XDG_CONFIG_HOME", xdg}}}).out;
  };
  CHECK(has_line(printed({}, ""), "keep = 10000"));
  dir.write("home/.config/zebu/broker.toml", "keep = 11\n");
  CHECK(has_line(printed({}, ""), "keep = 11"));
  CHECK(has_line(printed({"--no-config"}, ""), "keep = 10000"));
  CHECK(has_line(printed({"--config", "/dev/null"}, ""), "keep = 10000"));
  CHECK(has_line(printed({"--keep", "12"}, ""), "keep = 12"));
  dir.write("xdg/zebu/broker.toml", "keep = 13\n");
  CHECK(has_line(printed({}, dir.path() / "xdg"), "keep = 13"));
}

TEST_CASE("options of commands stand in their tables, and do not come from the environment") {
  const TempDir dir;
  const std::string file = dir.write(
      "producer.toml", "[submit]\nqueue = \"reports\"\npriority = 7\ntimeout = \"5s\"\nheader = [\"a=[1]\"]\n");
  const Finished printed =
      run({.command = {program("zebu-producer"), "--config", file, "--print-config", "submit", "t"},
           .environment = {{"ZEBU_PRIORITY", "9"}, {"ZEBU_WINDOW", "1"}}});
  INFO(printed.out);
  CHECK(printed.exit.code == 0);
  CHECK(has_line(printed.out, "queue = \"reports\""));
  CHECK(has_line(printed.out, "priority = 7"));
  CHECK(has_line(printed.out, "header = [\"a=[1]\"]"));
  CHECK(printed.err ==
        "zebu-producer: warning: ZEBU_PRIORITY is not read: options of commands come from flags and the configuration "
        "file only\n");
  const Finished misspelt = run({.command = {program("zebu-broker"), "--print-config"},
                                 .environment = {{"ZEBU_QUEUE_LIMITS", "9"}, {"ZEBU_SOMETHING_ELSE", "1"}}});
  CHECK(misspelt.err ==
        "zebu-broker: warning: ZEBU_QUEUE_LIMITS is not an option of zebu-broker: did you mean ZEBU_QUEUE_LIMIT?\n");
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
