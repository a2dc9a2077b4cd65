#include "http/target.h"
#include "tests/support/catch.h"

#include <vector>

using zebu::http::Target;

namespace {

std::vector<std::string> segments_of(std::string_view text) {
  Target target;
  REQUIRE(target.parse(text));
  return {target.segments().begin(), target.segments().end()};
}

}  // namespace

using Words = std::vector<std::string>;

TEST_CASE("a target's path is split into segments") {
  CHECK(segments_of("/") == Words{""});
  CHECK(segments_of("/fast") == Words{"fast"});
  CHECK(segments_of("/v1/jobs/7?wait=1") == Words{"v1", "jobs", "7"});
  CHECK(segments_of("/fast/") == Words{"fast", ""});
  CHECK(segments_of("http://host:80/fib/3") == Words{"fib", "3"});
  CHECK(segments_of("http://host") == Words{""});
}

TEST_CASE("percent-encoding is decoded once, after splitting") {
  CHECK(segments_of("/%66ast") == Words{"fast"});
  CHECK(segments_of("/a%2Fb/%2525") == Words{"a/b", "%25"});
  CHECK(segments_of("/a+b") == Words{"a+b"});
}

TEST_CASE("a malformed target is refused") {
  for (const char* text :
       {"", "fast", "/%", "/%4", "/%zz", "/fast?id=%f", "/fast?%g0=1", "/1/2/3/4/5/6/7/8/%9", "http:///x"}) {
    Target target;
    INFO(text);
    CHECK_FALSE(target.parse(text));
  }
}

TEST_CASE("query parameters are found by their decoded names") {
  Target target;
  REQUIRE(target.parse("/slow?id=a%20b+c&&flag&i%64=second&x=1=2"));
  CHECK(target.parameter("id") == "a b c");
  CHECK(target.parameter("flag") == "");
  CHECK(target.parameter("x") == "1=2");
  CHECK_FALSE(target.parameter("other"));
}

TEST_CASE("an absolute target without a path may have a query") {
  Target target;
  REQUIRE(target.parse("http://host?id=3"));
  CHECK(target.parameter("id") == "3");
}

TEST_CASE("a path with too many segments is well-formed, and has none") {
  CHECK(segments_of("/1/2/3/4/5/6/7/8").size() == 8);
  CHECK(segments_of("/1/2/3/4/5/6/7/8/9").empty());
}

TEST_CASE("an absolute target has an authority") {
  Target target;
  REQUIRE(target.parse("http://host:80/fib"));
  CHECK(target.authority() == "host:80");
  Target origin;
  REQUIRE(origin.parse("/fib"));
  CHECK(origin.authority().empty());
}

TEST_CASE("the asterisk is a target") {
  Target target;
  REQUIRE(target.parse("*"));
  CHECK(target.is_asterisk());
}
