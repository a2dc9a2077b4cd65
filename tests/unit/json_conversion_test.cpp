#include "tests/support/catch.h"
#include "zebu/program/json_input.h"
#include "zebu/program/json_text.h"
#include "zebu/program/msgpack_parts.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <ctime>
#include <random>

// JSON to msgpack and back, each in one pass.
using namespace zebu;
using Json = nlohmann::json;

namespace {

constexpr JsonLimits kJsonLimits{64, "too deep", "the text"};

std::string converted(const std::string& text) { return msgpack_from_json(text, kJsonLimits).value(); }
std::string refused(const std::string& text) { return msgpack_from_json(text, kJsonLimits).error().message; }

class RandomJson {
 public:
  explicit RandomJson(unsigned seed) : random_(seed) {}

  Json value(int depth) {
    switch (pick(depth > 0 ? 8 : 6)) {
      case 0:
        return nullptr;
      case 1:
        return pick(2) == 0;
      case 2:
        return std::int64_t{pick(1 << 30)} * -pick(1 << 30);
      case 3:
        return std::uint64_t{random_()} << pick(33);
      case 4:
        return static_cast<double>(pick(1 << 30)) / 1024;
      case 5:
        return text();
      case 6:
        return list(depth);
      default:
        return map(depth);
    }
  }

 private:
  int pick(int many) { return static_cast<int>(random_() % static_cast<unsigned>(many)); }
  // Mostly few, sometimes more than a short header counts.
  int count() { return pick(10) == 0 ? pick(70) : pick(4); }
  std::string text() {
    static constexpr const char* kParts[] = {"a", "\"",  "\\", "\n", "\x01", "\xc3\xa9", "\xf0\x9f\x90\x82",
                                             "/", "\x7f"};
    std::string all;
    for (int i = count(); i > 0; --i) all += kParts[pick(9)];
    return all;
  }
  Json list(int depth) {
    Json all = Json::array();
    for (int i = count(); i > 0; --i) all.push_back(value(depth - 1));
    return all;
  }
  Json map(int depth) {
    Json all = Json::object();
    for (int i = count(); i > 0; --i) all[text()] = value(depth - 1);
    return all;
  }

  std::mt19937 random_;
};

// How long the fastest of three calls keeps the processor.
template <class Call>
double cost(Call&& call) {
  double least = 0;
  for (int i = 0; i < 3; ++i) {
    timespec begin{};
    timespec end{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    call();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    const double took =
        static_cast<double>(end.tv_sec - begin.tv_sec) + static_cast<double>(end.tv_nsec - begin.tv_nsec) / 1e9;
    least = i == 0 ? took : std::min(least, took);
  }
  return least;
}

std::string repeated(const std::string& what, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += (i > 0 ? "," : "") + what;
  return text;
}

}  // namespace

TEST_CASE("any JSON becomes the msgpack that its tree becomes, and the same JSON again") {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    INFO("seed " << seed);
    const Json value = RandomJson(seed).value(4);
    const std::string text = value.dump(static_cast<int>(seed % 3) - 1);
    const std::string bytes = converted(text);
    REQUIRE(bytes == msgpack_of(value));
    REQUIRE(zebu::json_of(bytes) == value.dump());
  }
}

TEST_CASE("any bytes become JSON") {
  std::mt19937 random(1);
  for (unsigned seed = 0; seed < 2000; ++seed) {
    INFO("seed " << seed);
    std::string bytes = msgpack_of(RandomJson(seed).value(3));
    for (std::size_t changes = 1 + random() % 3; changes > 0; --changes) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    REQUIRE(Json::accept(zebu::json_of(bytes)));
    static_cast<void>(map_entries(bytes));
    static_cast<void>(list_elements(bytes));
  }
}

TEST_CASE("containers have the shortest header that counts their elements") {
  for (const std::size_t count : {15U, 16U, 65'535U, 65'536U}) {
    const std::string list = converted("[" + repeated("1", count) + "]");
    CHECK(list.size() == count + (count < 16 ? 1 : count < 65'536 ? 3 : 5));
    CHECK(Json::from_msgpack(list).size() == count);
    std::string text = "{";
    for (std::size_t i = 0; i < count; ++i)
      text += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":" + std::to_string(i);
    CHECK(Json::from_msgpack(converted(text + "}")) == Json::parse(text + "}"));
  }
}

TEST_CASE("text that is not JSON is refused with the place, and what would change with the reason") {
  CHECK(refused("[1,}") == "malformed JSON at byte 4 of the text");
  CHECK(refused("") == "malformed JSON at byte 1 of the text");
  CHECK(refused("\"\xff\"") == "malformed JSON at byte 2 of the text");
  CHECK(refused("[1] 2") == "malformed JSON at byte 5 of the text");
  CHECK(refused("[18446744073709551616, x") == "malformed JSON at byte 24 of the text");
  CHECK(refused("[18446744073709551616]").starts_with("the integer 18446744073709551616 does not fit 64 bits"));
  CHECK(refused("[1e999]") == "the number 1e999 is too large");
  CHECK(refused(std::string(65, '[')) == "too deep");
  CHECK(msgpack_from_json(std::string(64, '[') + std::string(64, ']'), kJsonLimits));
}

TEST_CASE("what a conversion costs grows with the size and no faster") {
  // Each is 16 times as large as the one before: a conversion with a quadratic part takes 256 times as long.
#ifdef ZEBU_SANITIZED
  constexpr std::size_t kFew = 2'000;
#else
  constexpr std::size_t kFew = 20'000;
#endif
  constexpr double kMost = 80;
  for (const std::string part : {"{}", "[]", "{\"b\":[1],\"a\":2}", "\"\\u00e9\\n\"", "1.5"}) {
    INFO(part);
    const std::string few = "[" + repeated(part, kFew) + "]";
    const std::string many = "[" + repeated(part, 16 * kFew) + "]";
    CHECK(cost([&] { CHECK_FALSE(converted(many).empty()); }) <
          kMost * cost([&] { CHECK_FALSE(converted(few).empty()); }));
    const std::string packed_few = converted(few);
    const std::string packed_many = converted(many);
    CHECK(cost([&] { CHECK_FALSE(zebu::json_of(packed_many).empty()); }) <
          kMost * cost([&] { CHECK_FALSE(zebu::json_of(packed_few).empty()); }));
  }
}

TEST_CASE("an object of many keys in the wrong order costs no more than sorting them") {
  const auto object = [](std::size_t keys) {
    std::string text = "{";
    for (std::size_t i = keys; i > 0; --i) text += (i < keys ? ",\"" : "\"") + std::to_string(i) + "\":{}";
    return text + "}";
  };
  const std::string few = object(5'000);
  const std::string many = object(80'000);
  CHECK(cost([&] { CHECK_FALSE(converted(many).empty()); }) < 80 * cost([&] { CHECK_FALSE(converted(few).empty()); }));
}

TEST_CASE("keys within keys do not make a text many times as long as its value") {
  // {{{…{"a":1}…:1}:1}: each level would escape the quotes of the one before.
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '\x81') + "\xa1" + "a" + std::string(levels, '\x01');
  };
  CHECK(zebu::json_of(nested(1)) == R"({"a":1})");
  CHECK(zebu::json_of(nested(2)) == R"({"{\"a\":1}":1})");
  CHECK(zebu::json_of(nested(4)).starts_with(R"({"{\"{)"));
  CHECK(zebu::json_of(nested(5)).starts_with(R"({"$binary":)"));
  CHECK(zebu::json_of(nested(100)).size() < 400);
}
