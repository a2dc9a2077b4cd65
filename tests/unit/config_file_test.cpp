#include "zebu/program/config_file.h"

#include "tests/support/catch.h"

#include <sstream>

namespace zebu::cli {

using Type = ConfigValue::Type;

namespace {

Result<std::vector<ConfigEntry>> read(const std::string& text) {
  std::istringstream in(text);
  return read_toml(in, "f.toml");
}

}  // namespace

TEST_CASE("a configuration file is TOML: numbers, escapes, comments, lists, tables and dotted keys") {
  const auto entries = read(
      "# a comment\n"
      "queue-limit = 5_000  # another\n"
      "store = \"sqlite:\\u0041\"\n"
      "reason = '''no \\escape'''\n"
      "queues = [\"a\", \"b\"]\n"
      "wait.x = true\n"
      "factor = 1.5\n"
      "[submit]\n"
      "queue = \"reports\"\n");
  REQUIRE(entries);
  REQUIRE(entries->size() == 7);
  const auto& all = *entries;
  CHECK(all[0].key == std::vector<std::string>{"queue-limit"});
  CHECK(all[0].value.type == Type::integer);
  CHECK(all[0].value.text == "5000");
  CHECK(all[0].value.line == 2);
  CHECK(all[1].value.text == "sqlite:A");
  CHECK(all[2].value.text == "no \\escape");
  CHECK(all[3].value.type == Type::list);
  REQUIRE(all[3].value.items.size() == 2);
  CHECK(all[3].value.items[1].text == "b");
  CHECK(all[4].key == std::vector<std::string>{"wait", "x"});
  CHECK(all[4].value.type == Type::boolean);
  CHECK(all[5].value.type == Type::real);
  CHECK(all[5].value.text == "1.5");
  CHECK(all[6].key == std::vector<std::string>{"submit", "queue"});
  CHECK(all[6].value.line == 9);
  CHECK(all[6].value.column == 9);
}

TEST_CASE("what is not TOML is told with its line and column") {
  for (const std::string text : {"a = 1\nb = bare\n", "a = 1\nb = \"open\n", "a = 1\n[b\n", "a = 1\na = 2\n",
                                 "a = 1\nb = \"\\q\"\n", "a = 1\nb\n"}) {
    const auto entries = read(text);
    INFO(text);
    REQUIRE_FALSE(entries);
    CHECK(entries.error().message.rfind("f.toml:2:", 0) == 0);
  }
  CHECK(read("a = \"\xff\"\n").error().message.rfind("f.toml:1:", 0) == 0);
}

TEST_CASE("a string in quotes reads back as itself") {
  for (const std::string text : {"", "plain", "a \"b\" \\ c", "line\nbreak\ttab", "\x01\x1f\x7f", "é…"}) {
    const auto entries = read("a = " + toml_string(text));
    REQUIRE(entries);
    CHECK(entries->front().value.text == text);
  }
}

}  // namespace zebu::cli
