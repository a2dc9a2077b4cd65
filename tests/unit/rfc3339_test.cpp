#include "zebu/program/rfc3339.h"

#include "tests/support/catch.h"

#include <string>

using zebu::parse_rfc3339;
using zebu::WallTime;
using namespace std::chrono_literals;

namespace {

std::int64_t ms_of(const std::string& text) {
  const auto moment = parse_rfc3339(text);
  INFO(text << (moment ? "" : ": " + moment.error().message));
  REQUIRE(moment);
  return moment->time_since_epoch().count();
}

}  // namespace

TEST_CASE("RFC 3339 moments are read, in every way that it allows") {
  CHECK(ms_of("1970-01-01T00:00:00Z") == 0);
  CHECK(ms_of("2026-01-31T12:00:00Z") == 1'769'860'800'000);
  CHECK(ms_of("2026-01-31t12:00:00z") == 1'769'860'800'000);
  CHECK(ms_of("2026-01-31 12:00:00+00:00") == 1'769'860'800'000);
  CHECK(ms_of("2026-01-31T13:30:00+01:30") == 1'769'860'800'000);
  CHECK(ms_of("2026-01-31T04:00:00-08:00") == 1'769'860'800'000);
  CHECK(ms_of("2026-02-01T00:00:00+12:00") == 1'769'860'800'000);
  CHECK(ms_of("2026-01-31T12:00:00-00:00") == 1'769'860'800'000);
  CHECK(ms_of("2024-02-29T23:59:59.999Z") == 1'709'251'199'999);
  CHECK(ms_of("1970-01-01T00:00:00.5Z") == 500);
  CHECK(ms_of("1970-01-01T00:00:00.0019999999999999999999Z") == 1);
  CHECK(ms_of("9999-12-31T23:59:59Z") == 253'402'300'799'000);
}

TEST_CASE("text that is not an RFC 3339 time is refused with the reason") {
  const std::pair<const char*, const char*> wrong[] = {
      {"", "does not begin with a date"},
      {"tomorrow", "does not begin with a date"},
      {"2026-01-31", "does not begin with a date and a T"},
      {"26-01-31T12:00:00Z", "does not begin with a date"},
      {"2026-1-31T12:00:00Z", "does not begin with a date"},
      {"+026-01-31T12:00:00Z", "does not begin with a date"},
      {"2026-01-31T12:00Z", "has no time"},
      {"2026-01-31T12:00:00.Z", "has no time"},
      {"2026-01-31T12:00:00", "offset"},
      {"2026-01-31T12:00:00+1", "offset"},
      {"2026-01-31T12:00:00+0100", "offset"},
      {"2026-01-31T12:00:00+01:00 ", "has more text"},
      {"2026-01-31T12:00:00ZZ", "has more text"},
      {"2026-02-29T12:00:00Z", "day that does not exist"},
      {"2026-13-01T12:00:00Z", "day that does not exist"},
      {"2026-00-01T12:00:00Z", "day that does not exist"},
      {"2026-01-31T24:00:00Z", "time that does not exist"},
      {"2026-01-31T12:60:00Z", "time that does not exist"},
      {"2016-12-31T23:59:60Z", "leap second"},
      {"2026-01-31T12:00:00+24:00", "offset that does not exist"},
      {"2026-01-31T12:00:00+01:60", "offset that does not exist"},
      {"1969-12-31T23:59:59Z", "before 1970"},
      {"1970-01-01T00:30:00+01:00", "before 1970"},
  };
  for (const auto& [text, why] : wrong) {
    INFO(text);
    const auto moment = parse_rfc3339(text);
    REQUIRE_FALSE(moment);
    CHECK(moment.error().code == zebu::ErrorCode::bad_value);
    CHECK(moment.error().message.find(why) != std::string::npos);
    CHECK(moment.error().message.find("2026-01-31T12:00:00Z") != std::string::npos);
  }
}
