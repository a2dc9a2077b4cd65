#include "zebu/ids.h"

#include "tests/support/catch.h"

#include <set>

using zebu::Uuid;

TEST_CASE("a fresh id is a UUIDv7 of this moment") {
  const auto before = std::chrono::system_clock::now().time_since_epoch();
  const Uuid id = Uuid::make();
  CHECK(id.bytes[6] >> 4 == 7);
  CHECK(id.bytes[8] >> 6 == 2);
  CHECK(id.unix_time() >= std::chrono::duration_cast<std::chrono::milliseconds>(before));
  CHECK(id.unix_time() <= std::chrono::duration_cast<std::chrono::milliseconds>(before) + std::chrono::seconds(60));
}

TEST_CASE("ids of one thread are all different and in order") {
  Uuid last = Uuid::make();
  for (int i = 0; i < 20'000; ++i) {
    const Uuid next = Uuid::make();
    REQUIRE(last < next);
    last = next;
  }
}

TEST_CASE("an id's text is parsed back, in any case") {
  const Uuid id = Uuid::make();
  const std::string text = id.to_string();
  CHECK(text.size() == 36);
  CHECK(Uuid::parse(text) == id);
  std::string upper = text;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  CHECK(Uuid::parse(upper) == id);
}

TEST_CASE("text that is not an id is not parsed") {
  CHECK_FALSE(Uuid::parse(""));
  CHECK_FALSE(Uuid::parse("0192f3a4-b5c6-7001-8000-00000000000"));
  CHECK_FALSE(Uuid::parse("0192f3a4-b5c6-7001-8000-0000000000001"));
  CHECK_FALSE(Uuid::parse("0192f3a4-b5c6-7001-8000-00000000000g"));
  CHECK_FALSE(Uuid::parse("0192f3a4+b5c6-7001-8000-000000000001"));
  CHECK_FALSE(Uuid::from_bytes("fifteen bytes.."));
}
