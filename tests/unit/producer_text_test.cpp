#include "producer/text/progress_bar.h"
#include "producer/text/readable.h"
#include "producer/text/table.h"
#include "tests/support/catch.h"

namespace zebu::producer {

using namespace std::chrono_literals;

TEST_CASE("a table's columns are as wide as their widest cell") {
  using enum Table::Align;
  Table table({{"NAME", left}, {"N", right}, {"STATE", left}});
  table.add({"default", "5", "ok"});
  table.add({"\xc3\xa9", "1,000", "-"});
  CHECK(table.take() ==
        "NAME         N  STATE\n"
        "default      5  ok\n"
        "\xc3\xa9        1,000  -\n");
}

TEST_CASE("a cell cannot break its line") {
  Table table({{"A"}});
  table.add({"x\ny\x1b[2J"});
  CHECK(table.take() == "A\nx\\ny\\x1b[2J\n");
}

TEST_CASE("a table goes on page by page, under one heading and as wide as before") {
  Table table({{"NAME", Table::Align::left}, {"N", Table::Align::right}});
  table.add({"long name", "10"});
  CHECK(table.take() == "NAME        N\nlong name  10\n");
  table.add({"x", "1"});
  CHECK(table.take() == "x           1\n");
  CHECK(table.take().empty());
}

TEST_CASE("long texts are shortened between characters") {
  CHECK(shortened("abc", 3) == "abc");
  CHECK(shortened("abcd", 3) == "ab…");
  CHECK(shortened("\xc3\xa9\xc3\xa9\xc3\xa9", 2) == "\xc3\xa9…");
  CHECK(shortened("ab", 1) == "…");
  CHECK(shortened("ab", 0).empty());
}

TEST_CASE("figures for people") {
  CHECK(count_text(0) == "0");
  CHECK(count_text(999) == "999");
  CHECK(count_text(1'000) == "1,000");
  CHECK(count_text(12'345'678) == "12,345,678");
  CHECK(counted(0, "job") == "0 jobs");
  CHECK(counted(1, "job") == "1 job");
  CHECK(counted(1'234, "failed job") == "1,234 failed jobs");
  CHECK(duration_text(250us) == "250 us");
  CHECK(duration_text(12ms) == "12 ms");
  CHECK(duration_text(3s) == "3 s");
  CHECK(duration_text(3210ms) == "3.21 s");
  CHECK(duration_text(125s) == "2 min 5 s");
  CHECK(duration_text(2h) == "2 h");
  CHECK(duration_text(50h) == "2 d 2 h");
  CHECK(bytes_text(512) == "512 B");
  CHECK(bytes_text(1536) == "1.5 KiB");
  CHECK(time_text(0ms) == "1970-01-01 00:00:00 UTC");
  CHECK(rate_text(12.34) == "12.3/s");
  CHECK(rate_text(12'345.6) == "12,345/s");
}

TEST_CASE("progress shows a bar and the time left when the input's size is known") {
  MapProgress progress;
  progress.done = 500;
  progress.in_flight = 10;
  progress.elapsed = 10s;
  CHECK(progress_text(progress) == "500 done  50.0/s  10 in flight");
  progress.failed = 2;
  progress.input_size = 1'000;
  progress.input_bytes = 500;
  CHECK(progress_text(progress) ==
        "[============>           ] 50 %  500 done  50.0/s  10 in flight  2 failed  10 s left");
  progress.input_bytes = 1'000;
  CHECK(progress_text(progress).starts_with("[========================] 100 %"));
}

}  // namespace zebu::producer
