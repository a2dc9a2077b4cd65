#include "tests/support/catch.h"
#include "tests/support/consumer_yard.h"
#include "tests/support/paths.h"
#include "tests/support/pty.h"
#include "tests/support/stack.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"

#include <nlohmann/json.hpp>

#include <fstream>
#include <string>

// Values and texts on their way from a user to a task and back.
using namespace zebu::test;
using Json = nlohmann::json;

namespace {

constexpr const char* kTooLarge = "18446744073709551616";
constexpr const char* kWhy = "the integer 18446744073709551616 does not fit 64 bits";

StackOptions one_slot_and_webfront() { return {.consumer = {"--slots", "1", "--test-tasks"}}; }

HttpReply echo(const Stack& stack, const std::string& value) {
  return stack.post("/v1/jobs", R"({"task": "echo", "args": [)" + value + "]}", {{"Prefer", "wait=10"}});
}

Finished map_lines(const Stack& stack, const std::string& lines) {
  const TempDir folder;
  const std::string input = (folder.path() / "lines").string();
  std::ofstream(input) << lines;
  return stack.produce({"map", "echo", "--input", input});
}

// No byte that a terminal obeys.
bool is_harmless(const std::string& text) {
  return !has(text, "\x1b") && !has(text, "\xc2\x9b") && !has(text, "\u202e") && !has(text, "\r");
}

// As a word of JSON: an escape sequence, a C1 control and a change of direction.
constexpr const char* kHostile = R"("a\u001b[2J\u009b1m\u202eb")";
constexpr const char* kShown = R"(a\x1b[2J\u009b1m\u202eb)";

}  // namespace

TEST_CASE("floating-point numbers and integers come back as what they were") {
  const Stack stack(one_slot_and_webfront());
  for (const std::string value :
       {"1.0", "-0.0", "2.5", "1", "-9223372036854775808", "18446744073709551615", "[1.0,1]", R"({"a":-0.0})"}) {
    INFO(value);
    CHECK(stack.produce({"submit", "echo", value, "--wait"}).out == value + "\n");
    CHECK(has(stack.produce({"submit", "echo", value, "--wait", "--output", "json"}).out, "\"result\":" + value + "}"));
    CHECK(has(echo(stack, value).body, "\"result\":" + value + "}"));
  }
  const Finished mapped = map_lines(stack, "[1.0]\n-0.0\n");
  CHECK(has(mapped.out, R"({"input":[1.0],"state":"succeeded","result":1.0})"));
  CHECK(has(mapped.out, R"({"input":-0.0,"state":"succeeded","result":-0.0})"));
}

TEST_CASE("an integer beyond 64 bits is refused, not changed") {
  const Stack stack(one_slot_and_webfront());
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"submit", "echo", kTooLarge},
        std::vector<std::string>{"submit", "echo", "[{\"a\":18446744073709551616}]"},
        std::vector<std::string>{"submit", "echo", "--json", "[18446744073709551616]"}}) {
    const Finished done = stack.produce(args);
    CHECK(done.exit.code == 2);
    CHECK(has(done.err, kWhy));
  }
  const HttpReply reply = echo(stack, kTooLarge);
  CHECK(reply.status == 400);
  CHECK(has(Json::parse(reply.body)["detail"], kWhy));
  const Finished mapped = map_lines(stack, "[1]\n[18446744073709551616]\n");
  CHECK(mapped.exit.code == 1);
  CHECK(has(mapped.out, std::string("line 2: ") + kWhy));
  CHECK(has(mapped.out, R"({"input":[1],"state":"succeeded","result":1})"));
}

TEST_CASE("a word that begins as JSON but is not is sent as text, with a warning") {
  const Stack stack(one_slot_and_webfront());
  const Finished done = stack.produce({"submit", "echo", R"({"a":1)", "--wait"});
  CHECK(done.exit.code == 0);
  CHECK(done.out == "{\"a\":1\n");
  CHECK(done.err == "zebu-producer: '{\"a\":1' is not valid JSON, so it is sent as text; use --json for strict JSON\n");
  CHECK(stack.produce({"submit", "echo", "text", "--wait"}).err.empty());
}

TEST_CASE("what others wrote never reaches a terminal raw") {
  const Stack stack(one_slot_and_webfront());
  const Finished failed = stack.produce({"submit", "fail", kHostile, "--wait"});
  CHECK(has(failed.err, kShown));
  CHECK(is_harmless(failed.err));
  const std::string id = Json::parse(stack.produce({"list", "--output", "json"}).out)["id"];
  stack.produce({"pause", "default", "--reason", "why\x1b[2J"});
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"status", id}, std::vector<std::string>{"list"}, std::vector<std::string>{"wait", id},
        std::vector<std::string>{"queues"}, std::vector<std::string>{"top"}}) {
    INFO(args[0]);
    const Finished shown = stack.produce(args);
    CHECK(has(shown.out + shown.err, args[0] == "queues" || args[0] == "top" ? R"(why\x1b[2J)" : kShown));
    CHECK(is_harmless(shown.out + shown.err));
  }
}

TEST_CASE("a result is escaped on a terminal, and raw for scripts") {
  const Stack stack(one_slot_and_webfront());
  CHECK(stack.produce({"submit", "echo", kHostile, "--wait"}).out ==
        "a\x1b[2J\u009b1m\u202e"
        "b\n");
  PtyProcess submit({program("zebu-producer"), "--broker", stack.clients(), "submit", "echo", kHostile, "--wait"}, 100,
                    30);
  submit.wait_for(kShown);
  CHECK(submit.wait_exit().code == 0);
  CHECK_FALSE(has(submit.screen(), "\x1b[2J"));
}

TEST_CASE("an exception's text that is not UTF-8 is mended before it leaves the consumer") {
  const std::string pool = GENERATE("processes", "threads");
  ConsumerYard yard({"--slots", "1", "--pool", pool});
  const zebu::Outcome ended = yard.run("fail", zebu::pack_args(std::string("a\xff\xfe")));
  CHECK(ended.state == zebu::JobState::failed);
  CHECK(ended.error.message == "a\ufffd\ufffd");
}
