#include "producer/text/json_arguments.h"
#include "tests/support/catch.h"
#include "zebu/convert.h"

#include <map>

using namespace zebu;
using namespace zebu::producer;

namespace {

template <class... Values>
std::string list(const Values&... values) {
  return pack_args(values...);
}

}  // namespace

TEST_CASE("a word that parses as JSON is that value") {
  CHECK(pack_words({"35"}) == list(35));
  CHECK(pack_words({"-5"}) == list(-5));
  CHECK(unpack_value<std::vector<double>>(pack_words({"2.5", "0.1"})).value() == std::vector<double>{2.5, 0.1});
  CHECK(pack_words({"true", "null"}) == list(true, msgpack::type::nil_t()));
  CHECK(pack_words({"\"35\""}) == list("35"));
  CHECK(pack_words({"[1,2]"}) == list(std::vector<int>{1, 2}));
  CHECK(pack_words({R"({"a":1})"}) == list(std::map<std::string, int>{{"a", 1}}));
  CHECK(pack_words({"18446744073709551615"}) == list(18446744073709551615ULL));
}

TEST_CASE("a word that is no JSON is a string") {
  CHECK(pack_words({"hello"}) == list("hello"));
  CHECK(pack_words({"007"}) == list("007"));
  CHECK(pack_words({""}) == list(""));
  CHECK(pack_words({"[1,2"}) == list("[1,2"));
  CHECK(pack_words({"1 2"}) == list("1 2"));
  CHECK(pack_words({}) == list());
}

TEST_CASE("the option --json takes a list and nothing else") {
  CHECK(pack_json_list("[35, \"x\"]").value() == list(35, "x"));
  CHECK(pack_json_list("[]").value() == list());
  CHECK(pack_json_list("35").error().message.find("not a JSON list") != std::string::npos);
  CHECK(pack_json_list("[35").error().code == ErrorCode::bad_value);
}

TEST_CASE("a line of map's input is an argument list or the only argument") {
  CHECK(pack_json_line("[35]").value() == list(35));
  CHECK(pack_json_line("35").value() == list(35));
  CHECK(pack_json_line("[[1]]").value() == list(std::vector<int>{1}));
  CHECK(pack_json_line(R"({"a":1})").value() == list(std::map<std::string, int>{{"a", 1}}));
  CHECK_FALSE(pack_json_line("hello"));
}

TEST_CASE("JSON nested too deep is an error and no crash") {
  const std::string deep(1'000'000, '[');
  CHECK(pack_json_line(deep).error().message.find("deep") != std::string::npos);
  CHECK(pack_words({deep}) == list(deep));
  CHECK(pack_json_line("[\"" + deep + "\"]").value() == list(deep));
}
