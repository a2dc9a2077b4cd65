#include "zebu/wire/value_writer.h"

#include "tests/support/catch.h"

#include <nlohmann/json.hpp>

using namespace zebu;
using Json = nlohmann::json;

TEST_CASE("a written map has what was put into it, nested maps and lists too") {
  std::string bytes = "before";
  {
    MapWriter map{ValueWriter(bytes)};
    map["text"].text("t");
    map["number"].number(70'000);
    map["real"].real(0.5);
    map["no"].boolean(false);
    map["nil"].nil();
    map["bytes"].binary("\x01");
    ValueWriter list = map["list"];
    list.array(2);
    list.number(1);
    {
      MapWriter inner(list);
      inner["a"].number(2);
    }
    { const MapWriter empty(map["empty"]); }
  }
  REQUIRE(bytes.substr(0, 6) == "before");
  CHECK(Json::from_msgpack(bytes.substr(6)) == Json{{"text", "t"},
                                                    {"number", 70'000},
                                                    {"real", 0.5},
                                                    {"no", false},
                                                    {"nil", nullptr},
                                                    {"bytes", Json::binary({1})},
                                                    {"list", {1, {{"a", 2}}}},
                                                    {"empty", Json::object()}});
}

TEST_CASE("a float is written as a float, also a whole number") {
  for (const double number : {0.0, 1.0, -2.0, 0.1, 1e300}) {
    std::string bytes;
    ValueWriter(bytes).real(number);
    const Json read = Json::from_msgpack(bytes);
    CHECK(read.is_number_float());
    CHECK(read == number);
  }
}

TEST_CASE("a map of more entries than fit one byte says how many") {
  std::string bytes;
  {
    MapWriter map{ValueWriter(bytes)};
    for (int i = 0; i < 1000; ++i) map[std::to_string(i)].number(1);
  }
  CHECK(Json::from_msgpack(bytes).size() == 1000);
}

TEST_CASE("a job's error is written with its kind where it is not an ordinary failure") {
  const auto written = [](ErrorKind kind) {
    std::string bytes;
    ValueWriter(bytes).error({"T", "m", {"f", "g"}, kind});
    return Json::from_msgpack(bytes);
  };
  const Json plain = {{"type", "T"}, {"message", "m"}, {"trace", {"f", "g"}}};
  CHECK(written(ErrorKind::failure) == plain);
  CHECK(written(ErrorKind::crash)["kind"] == "crash");
  CHECK(written(ErrorKind::crash)["trace"] == plain["trace"]);
}
