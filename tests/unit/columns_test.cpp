#include "producer/text/columns.h"

#include "producer/text/table.h"
#include "tests/support/catch.h"

namespace zebu::producer {

TEST_CASE("a text is as wide as a terminal shows it") {
  CHECK(width_of("") == 0);
  CHECK(width_of("abc") == 3);
  CHECK(width_of("é") == 1);
  CHECK(width_of("e\xcc\x81") == 1);  // a letter and a mark
  CHECK(width_of("日本") == 4);
  CHECK(width_of("한국") == 4);
  CHECK(width_of("🐂") == 2);
  CHECK(width_of("👩\xe2\x80\x8d👩\xe2\x80\x8d👧") == 2);  // joined to a family
  CHECK(width_of("\xff") == 1);
}

TEST_CASE("a text is shortened between characters, wide ones included") {
  CHECK(shortened("abc", 3) == "abc");
  CHECK(shortened("abcd", 3) == "ab…");
  CHECK(shortened("日本語", 6) == "日本語");
  CHECK(shortened("日本語", 5) == "日本…");
  CHECK(shortened("日本語", 4) == "日…");
  CHECK(shortened("日本語", 1) == "…");
  CHECK(shortened("日本語", 0).empty());
  CHECK(shortened("e\xcc\x81"
                  "e\xcc\x81",
                  1) == "…");
  CHECK(shortened("ae\xcc\x81zz", 3) == "ae\xcc\x81…");
}

TEST_CASE("wide characters do not shift the columns of a table") {
  Table table({{"QUEUE"}, {"N", Table::Align::right}});
  table.add({"日本", "1"});
  table.add({"e\xcc\x81", "20"});
  CHECK(table.take() ==
        "QUEUE   N\n"
        "日本    1\n"
        "e\xcc\x81      20\n");
}

TEST_CASE("a table that is too wide shortens its first column, and loses others in their order") {
  const auto filled = [] {
    Table table(
        {{"NAME"}, {"A", Table::Align::right, 1}, {"B", Table::Align::right, 2}, {"KEPT", Table::Align::right}});
    table.add({"a-long-name-of-a-queue", "11", "22", "44"});
    return table;
  };
  CHECK(filled().fitted(80).front() == "NAME                     A   B  KEPT");
  CHECK(filled().fitted(33)[1] == "a-long-name-of-a-q…  11  22    44");
  CHECK(filled().fitted(18).front() == "NAME       A  KEPT");
  CHECK(filled().fitted(18)[1] == "a-long-…  11    44");
  CHECK(filled().fitted(14)[1] == "a-long-…    44");
  for (const std::string& line : filled().fitted(5)) CHECK(width_of(line) <= 5);
}

}  // namespace zebu::producer
