#include "support/catch.h"
#include "support/samples.h"

#include <fstream>
#include <sstream>

using namespace zebu;
using namespace zebu::test;

namespace {

// One array of the given elements, each given as msgpack bytes.
std::string array_of(std::initializer_list<std::string> elements) {
  std::string bytes(1, static_cast<char>(0x90 | elements.size()));
  for (const std::string& element : elements) bytes += element;
  return bytes;
}

std::string error_of(const std::string& frame) {
  Decoder decoder;
  const auto message = decoder.decode(frame);
  if (message) return "decoded as " + std::string(message::name_of(message::type_of(*message)));
  CHECK(message.error().code == ErrorCode::bad_message);
  return message.error().message;
}

}  // namespace

TEST_CASE("every message has its golden bytes and comes back from them") {
  std::ifstream golden(std::string(ZEBU_SOURCE_DIR) + "/tests/golden/protocol.txt");
  REQUIRE(golden);
  std::string line;
  for (const message::Message& sample : sample_messages()) {
    const Frame frame = encode(sample);
    const std::string_view name = message::name_of(message::type_of(sample));
    REQUIRE(std::getline(golden, line));
    CHECK(line == std::string(name) + " " + to_hex(frame.bytes()));

    const std::string bytes(frame.bytes());
    Decoder decoder;
    const auto decoded = decoder.decode(bytes);
    REQUIRE(decoded);
    CHECK(message::type_of(*decoded) == message::type_of(sample));
    CHECK(encode(*decoded).bytes() == bytes);
  }
  CHECK_FALSE(std::getline(golden, line));
}

TEST_CASE("every cut of every message is refused") {
  for (const message::Message& sample : sample_messages()) {
    const std::string bytes(encode(sample).bytes());
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      Decoder decoder;
      CHECK_FALSE(decoder.decode(bytes.substr(0, length)));
    }
  }
}

TEST_CASE("bytes behind a message are refused") {
  const std::string beat(encode(message::Beat{}).bytes());
  CHECK(error_of(beat + "\xc0") == "bytes behind the message");
}

TEST_CASE("a refusal names what was wrong") {
  CHECK(error_of("\xc0") == "a message must be an array of 1");
  CHECK(error_of(std::string("\x90", 1)) == "a message must be an array of 1");
  CHECK(error_of(array_of({"\x63"})) == "unknown message type 99");
  CHECK(error_of(array_of({"\xa1x"})) == "type must be an integer from 0 to 255");
  CHECK(error_of(array_of({"\x20"})) == "CREDIT must be an array of 2");
  CHECK(error_of(array_of({"\x20", "\xff"})) == "credit must be an integer from 0 to 65535");
  CHECK(error_of(array_of({"\x13", "\x91\xa1x"})) == "an id must be 16 bytes of binary");
  CHECK(error_of(array_of({"\x10", "\xc3", "\x91\x91\xc0"})) == "a job must be an array of 5");
  CHECK(error_of("hello, is this HTTP?") == "a message must be an array of 1");
}

TEST_CASE("an unknown job option is refused by name") {
  const std::string id = std::string("\xc4\x10", 2) + std::string(id_of(1).view());
  const std::string options =
      "\x81\xa5"
      "color"
      "\xc3";
  const std::string job = "\x95" + id +
                          "\xa3"
                          "fib"
                          "\xa1q" +
                          std::string("\xc4\x01\x90", 3) + options;
  CHECK(error_of("\x93\x10\xc3\x91" + job) == "unknown job option 'color'");
}

TEST_CASE("another major version is decoded whatever follows, so that its sender can be told") {
  Decoder decoder;
  const std::string frame = array_of({"\x01", "\x09", "\xc0"});
  const auto message = decoder.decode(frame);
  REQUIRE(message);
  CHECK(std::get<message::Hello>(*message).major == 9);
}

TEST_CASE("huge lengths cost nothing but a refusal") {
  CHECK_FALSE(error_of("\xdd\xff\xff\xff\xff").empty());          // an array of 4 G
  CHECK_FALSE(error_of("\x92\x13\xdd\x00\x10\x00\x00").empty());  // a list of 1 M ids, none there
  CHECK_FALSE(error_of("\x92\x13\xc6\xff\xff\xff\xff").empty());  // 4 G of binary
  CHECK_FALSE(error_of("\x92\x13\xdf\xff\xff\xff\xff").empty());  // a map of 4 G
  CHECK_FALSE(error_of(std::string(100'000, '\x91')).empty());    // 100,000 arrays deep
}

TEST_CASE("fields that a newer minor version appends are ignored") {
  Decoder decoder;
  const std::string frame = array_of({"\x20", "\x04", "\xa3new"});
  const auto message = decoder.decode(frame);
  REQUIRE(message);
  CHECK(std::get<message::Credit>(*message).credit == 4);
}

TEST_CASE("a batch is full when an entry more would pass the largest frame") {
  Batch batch(message::Type::accepted);
  CHECK_FALSE(batch.is_full(100, 50));  // one entry always fits: its own size was checked before
  batch.add(id_of(1));
  CHECK(batch.is_full(100, 50));
  CHECK_FALSE(batch.is_full(10, 100));
  const Frame frame = batch.finish();
  CHECK(batch.empty());
  Decoder decoder;
  const std::string bytes(frame.bytes());
  const auto decoded = decoder.decode(bytes);
  REQUIRE(decoded);
  CHECK(std::get<message::Accepted>(*decoded).ids == std::vector<JobId>{id_of(1)});
}
