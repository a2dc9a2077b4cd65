#include "http/request_reader.h"
#include "tests/support/catch.h"

#include <cstring>

using namespace zebu::http;
using Step = RequestReader::Step;

namespace {

struct Fixture {
  RequestReader reader{1024, 100};

  Step feed(std::string_view bytes) {
    const auto room = reader.room();
    REQUIRE(room.size() >= bytes.size());
    std::memcpy(room.data(), bytes.data(), bytes.size());
    reader.commit(bytes.size());
    return reader.step();
  }
  unsigned refused(std::string_view bytes) {
    REQUIRE(feed(bytes) == Step::refused);
    return reader.refusal().problem.status;
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "pipelined requests come one by one") {
  REQUIRE(feed("GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhiGET /c") ==
          Step::complete);
  CHECK(reader.target() == "/a");
  CHECK(reader.keep_alive());
  reader.begin();
  REQUIRE(reader.step() == Step::complete);
  Request request;
  reader.fill(request);
  CHECK(request.method == Method::post);
  CHECK(request.body == "hi");
  reader.begin();
  CHECK(reader.step() == Step::need_more);
  CHECK(reader.has_started());
}

TEST_CASE_METHOD(Fixture, "a request may come byte by byte, its body in chunks") {
  const std::string_view text =
      "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nPrefer: wait=1\r\nContent-Type: "
      "application/json\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
  for (std::size_t i = 0; i + 1 < text.size(); ++i) REQUIRE(feed(text.substr(i, 1)) == Step::need_more);
  REQUIRE(feed(text.substr(text.size() - 1)) == Step::complete);
  Request request;
  reader.fill(request);
  CHECK(request.body == "abcde");
  CHECK(request.prefer == "wait=1");
  CHECK(request.content_type == "application/json");
}

TEST_CASE_METHOD(Fixture, "an expectation is seen before the body comes") {
  CHECK(feed("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n") == Step::need_more);
  CHECK(reader.has_header());
  CHECK(reader.expects_continue());
}

TEST_CASE_METHOD(Fixture, "an unknown expectation is refused") {
  CHECK(refused("GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n") == 417);
}

TEST_CASE_METHOD(Fixture, "HTTP/1.1 needs one Host") { CHECK(refused("GET / HTTP/1.1\r\n\r\n") == 400); }

TEST_CASE_METHOD(Fixture, "two Hosts are one too many") {
  CHECK(refused("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n") == 400);
}

TEST_CASE_METHOD(Fixture, "HTTP/1.0 needs no Host and does not keep the connection") {
  REQUIRE(feed("GET / HTTP/1.0\r\n\r\n") == Step::complete);
  CHECK(reader.is_http_1_0());
  CHECK_FALSE(reader.keep_alive());
}

TEST_CASE_METHOD(Fixture, "a large header is refused before it is complete") {
  CHECK(refused("GET /" + std::string(2000, 'a')) == 431);
}

TEST_CASE_METHOD(Fixture, "a large body is refused by its length alone") {
  CHECK(refused("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n") == 413);
}

TEST_CASE_METHOD(Fixture, "a body whose chunks grow too large is refused") {
  CHECK(refused("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + std::string(101, 'a')) ==
        413);
}

TEST_CASE_METHOD(Fixture, "a length and chunks together are refused") {
  CHECK(refused("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") ==
        400);
}

TEST_CASE_METHOD(Fixture, "noise is refused") { CHECK(refused("\x16\x03\x01\x02 hello\r\n\r\n") == 400); }

TEST_CASE_METHOD(Fixture, "another version is refused") { CHECK(refused("GET / HTTP/2.0\r\nHost: x\r\n\r\n") == 505); }
