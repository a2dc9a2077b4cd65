#include "zebu/utf8.h"

#include "tests/support/catch.h"

#include <string>

using namespace zebu;

namespace {

const std::string kBad = "\xef\xbf\xbd";

std::string mended(std::string text) {
  mend_utf8(text);
  CHECK(is_utf8(text));
  return text;
}

}  // namespace

TEST_CASE("well-formed UTF-8 is told from other bytes") {
  for (const char* good : {"", "a", "plain text of more than eight bytes", "\u00fc", "\u20ac", "\U0001f600", "\ufffd",
                           "\ue000", "\U0010ffff", "eight   \u20ac and \u00fc again"}) {
    INFO(good);
    CHECK(is_utf8(good));
  }
  CHECK(is_utf8(std::string_view("a\0b", 3)));
  for (const char* bad : {"\xff", "\x80", "a\xff", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xf5\x80\x80\x80", "\xe2\x82", "\xf0\x9f\x98", "12345678\xe2\x28\xa1"}) {
    CHECK_FALSE(is_utf8(bad));
  }
}

TEST_CASE("ill-formed bytes are replaced by maximal subparts, as in the examples of Unicode") {
  CHECK(mended("a\xff\xfe") == "a" + kBad + kBad);
  CHECK(mended("\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64") ==
        "a" + kBad + kBad + kBad + "b" + kBad + "c" + kBad + kBad + "d");
  CHECK(mended("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41") == kBad + kBad + kBad + kBad + kBad + kBad + kBad + kBad + "A");
  CHECK(mended("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41") == kBad + kBad + kBad + kBad + kBad + kBad + kBad + kBad + "A");
  CHECK(mended("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41") == kBad + kBad + kBad + kBad + "A");
}

TEST_CASE("well-formed text is not copied") {
  std::string text = "a text that is too long for a string's own memory: \u20ac";
  const char* before = text.data();
  mend_utf8(text);
  CHECK(text.data() == before);
}

TEST_CASE("no character is cut") {
  CHECK(utf8_beginning("ab\u20ac", 5) == "ab\u20ac");
  CHECK(utf8_beginning("ab\u20ac", 4) == "ab");
  CHECK(utf8_beginning("ab\u20ac", 0).empty());
  CHECK(utf8_end("\u20acab", 4) == "ab");
  CHECK(utf8_end("\u20acab", 5) == "\u20acab");
  // Bytes that are no text are cut near the size.
  CHECK(utf8_beginning(std::string(100, '\x80'), 50).size() >= 47);
  CHECK(utf8_end(std::string(100, '\x80'), 50).size() >= 47);
}

TEST_CASE("the unfinished end of a text is told from ill-formed bytes") {
  CHECK(unfinished_utf8("") == 0);
  CHECK(unfinished_utf8("a") == 0);
  CHECK(unfinished_utf8("\u20ac") == 0);
  CHECK(unfinished_utf8("a\xe2") == 1);
  CHECK(unfinished_utf8("a\xe2\x82") == 2);
  CHECK(unfinished_utf8("\xf0\x9f\x98") == 3);
  CHECK(unfinished_utf8("\xff") == 0);
  CHECK(unfinished_utf8("\xe0\x80") == 0);
  CHECK(unfinished_utf8("\x80\x80\x80") == 0);
}
