#include "zebu/program/option_text.h"

#include "tests/support/catch.h"
#include "zebu/job.h"

namespace zebu::cli {

using namespace std::chrono_literals;

TEST_CASE("a duration is written in units, the larger ones first, or as seconds") {
  const std::vector<std::pair<std::string, std::chrono::microseconds>> good = {{"1h30m", 90min},
                                                                               {"7d", 168h},
                                                                               {"2w", 336h},
                                                                               {"250ms", 250ms},
                                                                               {"250us", 250us},
                                                                               {"1.5s", 1500ms},
                                                                               {"1d2h3m4s5ms", 93'784s + 5ms},
                                                                               {"3", 3s},
                                                                               {"0.5", 500ms},
                                                                               {"0", 0s},
                                                                               {"90m", 90min},
                                                                               {"1.5h", 90min},
                                                                               {"2000000000", 2'000'000'000s}};
  for (const auto& [text, value] : good) {
    INFO(text);
    const auto parsed = parse_microseconds(text);
    REQUIRE(parsed);
    CHECK(*parsed == value);
  }
  for (const std::string text : {"", "soon", "-1", "1x", "m", "1m1h", "1h1h", "1h30", "1 h", "1e3", "nan", "inf", "0x1",
                                 "1h-5m", ".", "1..5", "1H", "+1", "1s "}) {
    INFO(text);
    const auto parsed = parse_duration(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message ==
          "'" + text + "' is not a valid duration: use 250ms, 3s, 1h30m, 7d, or a number of seconds");
  }
  CHECK(parse_duration("2147483648").value() == kMaxDuration);
  CHECK(parse_duration("2147483649").error().message == "'2147483649' is too long: at most 2147483648s (68 years)");
}

TEST_CASE("a duration is shown without parts that are zero, and reads back as itself") {
  const std::vector<std::pair<std::chrono::microseconds, std::string>> shown = {
      {0s, "0s"},     {250us, "250us"}, {250ms, "250ms"}, {1500ms, "1.5s"}, {3s, "3s"},    {60s, "1m"},
      {90s, "1m30s"}, {90min, "1h30m"}, {24h, "1d"},      {720h, "30d"},    {25h, "1d1h"}, {61s + 500ms, "1m1.5s"}};
  for (const auto& [value, text] : shown) {
    CHECK(duration_text(value) == text);
    CHECK(parse_microseconds(text).value() == value);
  }
}

TEST_CASE("a size is written with a unit or in bytes") {
  const std::vector<std::pair<std::string, std::uint64_t>> good = {{"0", 0},
                                                                   {"5000", 5000},
                                                                   {"64KiB", 65'536},
                                                                   {"64k", 65'536},
                                                                   {"64K", 65'536},
                                                                   {"512MiB", 512U << 20U},
                                                                   {"1.5GiB", 3ULL << 29U},
                                                                   {"16GiB", 16ULL << 30U},
                                                                   {"1TiB", 1ULL << 40U},
                                                                   {"5MB", 5'000'000},
                                                                   {"64kB", 64'000},
                                                                   {"8B", 8}};
  for (const auto& [text, value] : good) {
    INFO(text);
    CHECK(parse_size(text).value() == value);
  }
  for (const std::string text : {"", "big", "-1", "1 MiB", "MiB", "1XiB", "1e3", "0x10", "1kk", "+1"}) {
    INFO(text);
    CHECK(parse_size(text).error().message ==
          "'" + text + "' is not a valid size: use 64KiB, 512MiB, 16GiB, or a number of bytes");
  }
  CHECK(parse_size("9999999TiB").error().message == "'9999999TiB' is too large");
}

TEST_CASE("a size is shown in the largest unit that it is a whole number of") {
  CHECK(size_text(0) == "0");
  CHECK(size_text(1000) == "1000");
  CHECK(size_text(8192) == "8KiB");
  CHECK(size_text(256U << 20U) == "256MiB");
  CHECK(size_text(16ULL << 30U) == "16GiB");
  CHECK(size_text(1ULL << 50U) == "1024TiB");
  CHECK(size_text((1ULL << 30U) + 1) == "1073741825");
}

TEST_CASE("a misspelt word has a suggestion if one is near") {
  const std::vector<std::string> words = {"submit", "map", "status", "pause", "purge", "queues"};
  CHECK(nearest("subimt", words) == "submit");
  CHECK(nearest("sub", words) == "submit");
  CHECK(nearest("staus", words) == "status");
  CHECK(nearest("queue", words) == "queues");
  CHECK_FALSE(nearest("xyz", words));
  CHECK_FALSE(nearest(std::string(1000, 's'), words));
  CHECK(did_you_mean("puase", words) == ": did you mean 'pause'?");
  CHECK(did_you_mean("xyz", words).empty());
}

}  // namespace zebu::cli
