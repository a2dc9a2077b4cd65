#include "zebu/program/visible_text.h"

#include "tests/support/catch.h"

using zebu::Lines;
using zebu::visible;

TEST_CASE("text that a terminal would obey is shown by escapes") {
  CHECK(visible("plain \u00fc \u20ac \U0001f600", Lines::one) == "plain \u00fc \u20ac \U0001f600");
  CHECK(visible("a\x1b[2J\r\x7f", Lines::many) == R"(a\x1b[2J\x0d\x7f)");
  CHECK(visible(std::string_view("\0", 1), Lines::many) == R"(\x00)");
  CHECK(visible("\xc2\x9b"
                "2J\xc2\x80\xc2\xa0",
                Lines::many) == "\\u009b2J\\u0080\xc2\xa0");
  CHECK(visible("\u202e\u202a\u2066\u2069\u200e\u200f", Lines::many) == R"(\u202e\u202a\u2066\u2069\u200e\u200f)");
  CHECK(visible("\u200d\u2070\u2029", Lines::many) == "\u200d\u2070\u2029");
  CHECK(visible("a\xff\xe2\x82z", Lines::many) == R"(a\xff\xe2\x82z)");
}

TEST_CASE("line breaks and tabs stay where several lines are meant") {
  CHECK(visible("a\n\tb", Lines::many) == "a\n\tb");
  CHECK(visible("a\n\tb", Lines::one) == R"(a\n\tb)");
}
