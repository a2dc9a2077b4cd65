#include "producer/text/value_json.h"
#include "tests/support/catch.h"

#include <limits>
#include <map>

namespace zebu::producer {

TEST_CASE("msgpack values as JSON") {
  CHECK(json_of(pack_value(35)) == "35");
  CHECK(json_of(pack_value(-35)) == "-35");
  CHECK(json_of(pack_value(std::numeric_limits<std::uint64_t>::max())) == "18446744073709551615");
  CHECK(json_of(std::string("\xcb\x40\0\0\0\0\0\0\0", 9)) == "2.0");
  CHECK(json_of(pack_value(0.1)) == "0.1");
  CHECK(json_of(pack_value(std::numeric_limits<double>::infinity())) == "null");
  CHECK(json_of(pack_value(true)) == "true");
  CHECK(json_of(pack_value(msgpack::type::nil_t())) == "null");
  CHECK(json_of(pack_value("a \"b\"\n\xc3\xa9")) == "\"a \\\"b\\\"\\n\xc3\xa9\"");
  CHECK(json_of(pack_value(std::vector<int>{1, 2})) == "[1,2]");
  CHECK(json_of(pack_value(std::map<std::string, int>{{"a", 1}, {"b", 2}})) == R"({"a":1,"b":2})");
  CHECK(json_of(pack_value(std::map<int, int>{{1, 2}})) == R"({"1":2})");
}

TEST_CASE("binary values are base64") {
  const auto binary = [](std::string_view bytes) { return pack_value(std::vector<char>(bytes.begin(), bytes.end())); };
  CHECK(json_of(binary("abc")) == R"({"$binary":"YWJj"})");
  CHECK(json_of(binary("ab")) == R"({"$binary":"YWI="})");
  CHECK(json_of(binary("a")) == R"({"$binary":"YQ=="})");
  CHECK(json_of(binary("")) == R"({"$binary":""})");
}

TEST_CASE("bytes that are not a msgpack value are shown as binary") {
  CHECK(json_of("") == R"({"$binary":""})");
  CHECK(json_of("\xc1") == R"({"$binary":"wQ=="})");
  CHECK(json_of(pack_value(1) + pack_value(2)) == R"({"$binary":"AQI="})");
  CHECK(json_of(std::string(100'000, '\x91')).starts_with(R"({"$binary":")"));
}

TEST_CASE("a string that is no UTF-8 still makes valid JSON") { CHECK(json_string("a\xff") == "\"a\xef\xbf\xbd\""); }

TEST_CASE("people see a string without quotes") {
  CHECK(plain_of(pack_value("a b")) == "a b");
  CHECK(plain_of(pack_value(std::vector<std::string>{"a"})) == R"(["a"])");
}

TEST_CASE("outcomes as fields of a JSON object") {
  Outcome outcome;
  CHECK(outcome_fields(outcome) == R"("state":"cancelled")");
  outcome.state = JobState::succeeded;
  outcome.result = pack_value(5);
  CHECK(outcome_fields(outcome) == R"("state":"succeeded","result":5)");
  outcome.state = JobState::failed;
  outcome.error = {"std::runtime_error", "no", {"f", "g"}};
  CHECK(outcome_fields(outcome) ==
        R"("state":"failed","error":{"type":"std::runtime_error","message":"no","trace":["f","g"]})");
  CHECK(plain_of(outcome.error) == "std::runtime_error: no\n  at f\n  at g");
  CHECK(outcome_fields(fail(ErrorCode::unknown_job, "gone")) ==
        R"("state":"failed","error":{"type":"unknown_job","message":"gone","trace":[]})");
}

TEST_CASE("an error as JSON has its kind, unless it is an ordinary failure") {
  CHECK(json_of(TaskError{"zebu::Crash", "SIGSEGV", {}, ErrorKind::crash}) ==
        R"({"type":"zebu::Crash","message":"SIGSEGV","trace":[],"kind":"crash"})");
}

TEST_CASE("a queried job that the broker does not have is shown as unknown") {
  CHECK(known_fields(fail(ErrorCode::unknown_job, "gone")) ==
        R"("state":"unknown","error":{"type":"unknown_job","message":"gone","trace":[]})");
  const Error other{ErrorCode::queue_full, "no room", {}};
  CHECK(known_fields(tl::make_unexpected(other)) == outcome_fields(tl::make_unexpected(other)));
  CHECK(known_fields(Outcome{}) == R"("state":"cancelled")");
}

}  // namespace zebu::producer
