#include "zebu/program/msgpack_parts.h"

#include "tests/support/catch.h"
#include "zebu/convert.h"

#include <map>

using namespace zebu;

TEST_CASE("a map is split into its keys and the bytes of its values") {
  const std::string map(
      "\x82\xa1"
      "a"
      "\x93\x01\x02\x03\xa1"
      "b\xc0",
      10);
  const auto entries = map_entries(map);
  REQUIRE(entries);
  CHECK(*entries == MapEntries{{"a", "\x93\x01\x02\x03"}, {"b", kNil}});
  CHECK(value_at(*entries, "b") == kNil);
  CHECK(value_at(*entries, "c").empty());
  for (const std::size_t count : {15U, 16U, 70'000U}) {
    std::map<std::string, int> many;
    for (std::size_t i = 0; i < count; ++i) many[std::to_string(i)] = 1;
    CHECK(map_entries(pack_value(many))->size() == count);
  }
}

TEST_CASE("a list is split into the bytes of its elements") {
  CHECK(*list_elements("\x92\xa1x\x91\xc3") == std::vector<Bytes>{"\xa1x", "\x91\xc3"});
  CHECK(list_elements(kEmptyList)->empty());
  for (const std::size_t count : {15U, 16U, 70'000U}) {
    CHECK(list_elements(pack_value(std::vector<int>(count, 7)))->size() == count);
  }
}

TEST_CASE("what is not exactly one map or list is not split") {
  for (const std::string& bytes : {std::string(), std::string("\xc0"),
                                   std::string("\x81\xa1"
                                               "a"),
                                   std::string("\x81\x01\x02"), std::string("\x80\x80"), std::string("\xde\x00", 2),
                                   std::string("\xdf\xff\xff\xff\xff"), std::string("\x81\xc1\x01")}) {
    CHECK_FALSE(map_entries(bytes));
  }
  for (const std::string& bytes : {std::string(), std::string("\x80"), std::string("\x91"), std::string("\x90\x90"),
                                   std::string("\xdd\xff\xff\xff\xff"), std::string("\x91\xc1")}) {
    CHECK_FALSE(list_elements(bytes));
  }
}

TEST_CASE("a value is read only as what it is") {
  CHECK(text_in(pack_value("ox")) == "ox");
  CHECK_FALSE(text_in(pack_value(1)));
  CHECK_FALSE(text_in("\x91\xa1x"));
  CHECK_FALSE(text_in("\xa1x\xc0"));
  CHECK(binary_in(std::string("\xc4\x02ox")) == "ox");
  CHECK_FALSE(binary_in(pack_value("ox")));
  CHECK(number_in(pack_value(70'000)) == 70'000U);
  CHECK_FALSE(number_in(pack_value(-1)));
  CHECK(is_map(kEmptyMap));
  CHECK_FALSE(is_map(kEmptyList));
  CHECK(is_list(kEmptyList));
}
