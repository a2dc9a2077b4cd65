#include "producer/text/json_arguments.h"
#include "tests/support/catch.h"
#include "zebu/convert.h"

#include <limits>
#include <map>

namespace zebu::producer {
namespace {

template <class... Values>
std::string list(const Values&... values) {
  return pack_args(values...);
}

std::string words(const std::vector<std::string>& list) { return pack_words(list).value().args; }

std::string refusal(const std::vector<std::string>& list) { return pack_words(list).error().message; }

constexpr const char* kRange = " does not fit 64 bits: the range is -9223372036854775808 to 18446744073709551615";

}  // namespace

TEST_CASE("a word that parses as JSON is that value") {
  CHECK(words({"35"}) == list(35));
  CHECK(words({"-5"}) == list(-5));
  CHECK(unpack_value<std::vector<double>>(words({"2.5", "0.1"})).value() == std::vector<double>{2.5, 0.1});
  CHECK(words({"true", "null"}) == list(true, msgpack::type::nil_t()));
  CHECK(words({"\"35\""}) == list("35"));
  CHECK(words({"[1,2]"}) == list(std::vector<int>{1, 2}));
  CHECK(words({R"({"a":1})"}) == list(std::map<std::string, int>{{"a", 1}}));
  CHECK(words({"18446744073709551615"}) == list(18446744073709551615ULL));
}

TEST_CASE("a word that is no JSON is a string") {
  CHECK(words({"hello"}) == list("hello"));
  CHECK(words({"007"}) == list("007"));
  CHECK(words({""}) == list(""));
  CHECK(words({"[1,2"}) == list("[1,2"));
  CHECK(words({"1 2"}) == list("1 2"));
  CHECK(words({}) == list());
}

TEST_CASE("the option --json takes a list and nothing else") {
  CHECK(pack_json_list("[35, \"x\"]").value().args == list(35, "x"));
  CHECK(pack_json_list("[]").value().args == list());
  CHECK(pack_json_list("35").error().message.find("not a JSON list") != std::string::npos);
  CHECK(pack_json_list("[35").error().code == ErrorCode::bad_value);
}

TEST_CASE("a line of map's input is an argument list or the only argument") {
  CHECK(pack_json_line("[35]").value().args == list(35));
  CHECK(pack_json_line("35").value().args == list(35));
  CHECK(pack_json_line("[[1]]").value().args == list(std::vector<int>{1}));
  CHECK(pack_json_line(R"({"a":1})").value().args == list(std::map<std::string, int>{{"a", 1}}));
  CHECK_FALSE(pack_json_line("hello"));
}

TEST_CASE("keyword arguments come from --kw and from the line, which counts more") {
  using zebu::kw;
  using zebu::pack_kwargs;
  CHECK(pack_words({"a.png"}, {{"size", "64"}, {"mode", "crop"}})->args == list("a.png"));
  CHECK(pack_words({}, {{"size", "64"}, {"mode", "crop"}})->kwargs == pack_kwargs(kw("mode", "crop"), kw("size", 64)));
  CHECK(pack_words({"a.png"})->kwargs.empty());
  CHECK_FALSE(pack_words({}, {{"size", "\xff"}}));
  CHECK_FALSE(pack_words({}, {{"\xff", "1"}}));

  const auto both = pack_json_line(R"({"args":["a.png"],"kwargs":{"size":64}})", {{"size", "1"}, {"mode", "crop"}});
  CHECK(both->args == list("a.png"));
  CHECK(both->kwargs == pack_kwargs(kw("mode", "crop"), kw("size", 64)));
  CHECK(pack_json_line(R"({"kwargs":{"size":64}})")->args == list());
  CHECK(pack_json_list(R"({"kwargs":{"size":64}})")->kwargs == pack_kwargs(kw("size", 64)));
  CHECK(pack_json_line(R"({"kwargs":{}})")->kwargs.empty());
  // Another object is an argument.
  for (const char* line :
       {R"({"args":[1]})", R"({"kwargs":1})", R"({"kwargs":{},"x":1})", R"({"args":1,"kwargs":{}})"}) {
    INFO(line);
    CHECK(pack_json_line(line)->kwargs.empty());
    CHECK(pack_json_line(line)->args.size() > 1);
    CHECK_FALSE(pack_json_list(line));
  }
  CHECK(pack_json_line(R"([{"kwargs":{"size":64}}])")->kwargs.empty());
}

TEST_CASE("JSON nested too deep is an error and no crash") {
  const std::string deep(1'000'000, '[');
  CHECK(pack_json_line(deep).error().message.find("deep") != std::string::npos);
  CHECK(refusal({deep}).find("deep") != std::string::npos);
  CHECK(pack_json_line("[\"" + deep + "\"]").value().args == list(deep));
}

TEST_CASE("a floating-point number stays one, even a whole number") {
  const std::string one("\x91\xcb\x3f\xf0\0\0\0\0\0\0", 10);
  CHECK(words({"1.0"}) == one);
  CHECK(words({"1e0"}) == one);
  CHECK(words({"-0.0"}) == std::string("\x91\xcb\x80\0\0\0\0\0\0\0", 10));
  CHECK(words({"0.5"}) == std::string("\x91\xcb\x3f\xe0\0\0\0\0\0\0", 10));
  CHECK(words({R"({"a":[1.0]})"}) ==
        "\x91\x81\xa1"
        "a" +
            one);
  CHECK(pack_json_line("1.0").value().args == one);
  CHECK(pack_args(1.0) == one);
}

TEST_CASE("integers beyond 64 bits are refused, wherever they are") {
  CHECK(words({"-9223372036854775808"}) == list(std::numeric_limits<std::int64_t>::min()));
  CHECK(refusal({"18446744073709551616"}) == std::string("the integer 18446744073709551616") + kRange);
  CHECK(refusal({"1", R"({"a":[-9223372036854775809]})"}) == std::string("the integer -9223372036854775809") + kRange);
  CHECK(refusal({std::string(400, '9')}) == "the integer " + std::string(40, '9') + "…" + kRange);
  CHECK(refusal({"1e400"}) == "the number 1e400 is too large");
  CHECK(pack_json_list("[18446744073709551616]").error().message.ends_with(kRange));
  CHECK(pack_json_line("18446744073709551616").error().message.ends_with(kRange));
  CHECK(words({"1e30"}) == list(1e30));
  // Not JSON, so a string as any other.
  CHECK(words({"20261129191402123456-abc"}) == list("20261129191402123456-abc"));
  CHECK(words({"1e400237abc"}) == list("1e400237abc"));
  CHECK(words({R"("18446744073709551616")"}) == list("18446744073709551616"));
}

TEST_CASE("words that begin as JSON but are not are told") {
  CHECK(malformed_words({R"({"a":1)", "[1,", "\"x", "{}", "[1]", "\"x\"", "a{", "1 2"}) ==
        std::vector<std::string>{R"({"a":1)", "[1,", "\"x"});
}

TEST_CASE("a word that is not UTF-8 is refused") { CHECK(refusal({"a\xff"}).ends_with("is not UTF-8")); }

}  // namespace zebu::producer
