#include "http/prefer.h"
#include "tests/support/catch.h"

#include <string>

using namespace std::chrono_literals;
using zebu::http::parse_seconds;
using zebu::http::preferred_wait;

TEST_CASE("Prefer's wait is found among other preferences") {
  CHECK(preferred_wait("wait=10") == 10s);
  CHECK(preferred_wait("respond-async, wait=7") == 7s);
  CHECK(preferred_wait(" Wait = 3 ; foo=1, wait=9") == 3s);
  CHECK(preferred_wait("foo=\"a, wait=1\\\", wait=2\", wait=\"4\"") == 4s);
  CHECK(preferred_wait("wait=0") == 0s);
}

TEST_CASE("a Prefer without a usable wait is passed over") {
  for (const char* text :
       {"", "respond-async", "wait", "wait=", "wait=x", "wait=-1", "wait=1.5", "waiting=3", "\"wait=3"}) {
    INFO(text);
    CHECK_FALSE(preferred_wait(text));
  }
}

TEST_CASE("a wait of more seconds than a number holds is a very long one") {
  CHECK(preferred_wait("wait=4294967295") == 4294967295s);
  CHECK(preferred_wait("wait=4294967296") == 4294967295s);
  CHECK(parse_seconds("99999999999") == 4294967295s);
  CHECK(parse_seconds(std::string(500, '9')) == 4294967295s);
  CHECK_FALSE(parse_seconds(std::string(500, '9') + "s"));
  CHECK_FALSE(parse_seconds("-99999999999"));
}

TEST_CASE("seconds are whole and not negative") {
  CHECK(parse_seconds("12") == 12s);
  CHECK_FALSE(parse_seconds("12s"));
  CHECK_FALSE(parse_seconds(" 12"));
}
