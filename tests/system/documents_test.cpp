#include "tests/support/catch.h"
#include "tests/support/document.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"

#include <regex>
#include <set>

using namespace zebu::test;

namespace {

using Names = std::set<std::string>;

// The long options of a --help text: what begins a line, before its description's column.
Names long_options(const std::vector<std::string>& command) {
  const Finished help = run({.command = command});
  REQUIRE(help.exit.code == 0);
  static const std::regex option("(^|\n) {2,12}(-[a-z], *)?(--[a-z][a-z-]*)");
  Names names;
  for (std::sregex_iterator at(help.out.begin(), help.out.end(), option), end; at != end; ++at) names.insert((*at)[3]);
  return names;
}

Names documented(const std::string& owner) {
  const auto rows = table_rows("docs/operations.md", "option of " + owner);
  Names names;
  for (std::size_t i = 1; i < rows.size(); ++i) names.insert(rows[i][0]);
  return names;
}

Names united(Names one, const Names& other) {
  one.insert(other.begin(), other.end());
  return one;
}

}  // namespace

TEST_CASE("docs/operations.md has every option of every program, and no other") {
  const Names common = documented("every program");
  REQUIRE(common.size() > 1);
  for (const std::string name : {"zebu-broker", "zebu-consumer", "zebu-webfront", "zebu-producer"}) {
    INFO(name);
    CHECK(long_options({program(name), "--help"}) == united(documented(name), common));
  }
}

TEST_CASE("docs/operations.md has every option of every command of zebu-broker, and no other") {
  const std::string path = program("zebu-broker");
  CHECK(long_options({path, "backup", "--help"}) == united(documented("zebu-broker backup"), {"--help"}));
  for (const std::string command : {"check", "compact"}) {
    INFO(command);
    CHECK(long_options({path, command, "--help"}) == Names{"--help"});
  }
}

TEST_CASE("docs/operations.md has every option of the command of zebu-webfront, and no other") {
  CHECK(long_options({program("zebu-webfront"), "token", "--help"}) ==
        united(documented("zebu-webfront token"), {"--help"}));
}

TEST_CASE("docs/operations.md has every option of every command of zebu-producer, and no other") {
  const std::string path = program("zebu-producer");
  for (const std::string command : {"submit", "map", "wait", "status", "cancel", "list", "retry", "purge", "pause",
                                    "resume", "drain", "top", "queues", "consumers", "ping"}) {
    INFO(command);
    const bool submits = command == "submit" || command == "map";
    const Names shared = united(submits ? documented("a job") : Names{}, {"--help"});
    CHECK(long_options({path, command, "--help"}) == united(documented("zebu-producer " + command), shared));
  }
}
