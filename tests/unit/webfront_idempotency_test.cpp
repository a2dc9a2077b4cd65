#include "tests/support/catch.h"
#include "webfront/api/idempotency.h"

namespace zebu::webfront::api {

TEST_CASE("a key is a word, or a string in quotes") {
  CHECK(parse_key("order-1234").value() == "order-1234");
  CHECK(parse_key(R"("order 1234, again")").value() == "order 1234, again");
  CHECK(parse_key(R"("a\"b\\c")").value() == "a\"b\\c");
  CHECK(parse_key(std::string(255, 'k')).value().size() == 255);
}

TEST_CASE("what is not one key is refused") {
  for (const std::string field : {"", "\"\"", "a b", "a, b", "\"a\"b\"", "\"a", "a\"", "\"a\\\"", "\"a\\n\"",
                                  "\xc3\xa4", "\"a\", \"b\"", "\"a\";p=1"}) {
    INFO(field);
    CHECK_FALSE(parse_key(field));
  }
  CHECK_FALSE(parse_key(std::string(256, 'k')));
}

TEST_CASE("a key that is a UUIDv7 is the job's id") {
  const Uuid id = Uuid::make();
  CHECK(id_of_key(id.to_string()) == id);
}

TEST_CASE("any other key is hashed to an id, always the same and of no shard") {
  const JobId id = id_of_key("order-1234");
  CHECK(id == id_of_key("order-1234"));
  CHECK(id != id_of_key("order-1235"));
  CHECK(id.shard() == 0);
  CHECK(id.bytes[6] >> 4U == 5);
  // Another version of this program must find the same job.
  CHECK(id.to_string() == "99bcaf29-56f3-5caf-b990-c769535b7c00");
  const std::string v4 = "8e03978e-40d5-43dd-bc93-6894a57f9324";
  CHECK(id_of_key(v4).to_string() != v4);
}

TEST_CASE("a body's mark tells it from others") {
  CHECK(body_mark("{}") == body_mark("{}"));
  CHECK(body_mark("{}") != body_mark("{ }"));
  CHECK(body_mark("").size() == 36);
}

}  // namespace zebu::webfront::api
