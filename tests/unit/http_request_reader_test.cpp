#include "http/request_reader.h"
#include "tests/support/catch.h"

#include <cstring>

namespace zebu::http {

using Step = RequestReader::Step;

namespace {

struct ReaderFixture {
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

TEST_CASE_METHOD(ReaderFixture, "pipelined requests come one by one") {
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

TEST_CASE_METHOD(ReaderFixture, "a request may come byte by byte, its body in chunks") {
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

TEST_CASE_METHOD(ReaderFixture, "an expectation is seen before the body comes") {
  CHECK(feed("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n") == Step::need_more);
  CHECK(reader.has_header());
  CHECK(reader.expects_continue());
}

TEST_CASE_METHOD(ReaderFixture, "an unknown expectation is refused") {
  CHECK(refused("GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n") == 417);
}

TEST_CASE_METHOD(ReaderFixture, "HTTP/1.1 needs one Host") { CHECK(refused("GET / HTTP/1.1\r\n\r\n") == 400); }

TEST_CASE_METHOD(ReaderFixture, "two Hosts are one too many") {
  CHECK(refused("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n") == 400);
}

TEST_CASE_METHOD(ReaderFixture, "HTTP/1.0 needs no Host and does not keep the connection") {
  REQUIRE(feed("GET / HTTP/1.0\r\n\r\n") == Step::complete);
  CHECK(reader.is_http_1_0());
  CHECK_FALSE(reader.keep_alive());
}

TEST_CASE_METHOD(ReaderFixture, "a large header is refused before it is complete") {
  CHECK(refused("GET /" + std::string(2000, 'a')) == 431);
}

TEST_CASE_METHOD(ReaderFixture, "a large body is refused by its length alone") {
  CHECK(refused("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n") == 413);
}

TEST_CASE_METHOD(ReaderFixture, "a body whose chunks grow too large is refused") {
  CHECK(refused("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + std::string(101, 'a')) ==
        413);
}

TEST_CASE_METHOD(ReaderFixture, "a length and chunks together are refused") {
  CHECK(refused("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") ==
        400);
}

TEST_CASE_METHOD(ReaderFixture, "noise is refused") { CHECK(refused("\x16\x03\x01\x02 hello\r\n\r\n") == 400); }

TEST_CASE_METHOD(ReaderFixture, "another version is refused") {
  CHECK(refused("GET / HTTP/2.0\r\nHost: x\r\n\r\n") == 505);
}

namespace {

std::string post(const std::string& fields, const std::string& version = "1.1") {
  return "POST / HTTP/" + version + "\r\nHost: x\r\n" + fields + "\r\n";
}

// What a proxy may take for the body of the request before it.
const std::string kHidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";

}  // namespace

TEST_CASE("a body whose end is not known is not read as the next request") {
  const auto status = [](const std::string& bytes) { return ReaderFixture().refused(bytes + kHidden); };
  for (const char* coding : {"identity", "gzip", "xchunked", "chunkedx", "chunked, gzip", "chunked;q=1", "", ","}) {
    INFO(coding);
    CHECK(status(post(std::string("Transfer-Encoding: ") + coding + "\r\n")) == 400);
  }
  CHECK(status(post("Transfer-Encoding: gzip, chunked\r\n")) == 501);
  CHECK(status(post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")) == 501);
  CHECK(status(post("Transfer-Encoding: chunked, chunked\r\n")) == 501);
  CHECK(status(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n")) == 400);
  CHECK(status(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")) == 400);
  CHECK(status(post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n")) == 400);
  CHECK(status(post("Transfer-Encoding: gzip\r\nContent-Length: 3\r\n")) == 400);
  CHECK(status(post("Transfer-Encoding : chunked\r\n")) == 400);
  CHECK(status(post("Transfer-Encoding:\r\n chunked\r\n")) == 400);
  CHECK(status(post("Transfer-Encoding: \vchunked\r\n")) == 400);
  CHECK(status(post("Transfer-Encoding: chunked\r\n", "1.0")) == 400);
  CHECK(status("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n") == 400);
  CHECK(status(post("Content-Length: 3\r\nContent-Length: 4\r\n")) == 400);
  CHECK(status(post("Content-Length: 3, 4\r\n")) == 400);
  CHECK(status(post("Content-Length: +3\r\n")) == 400);
  CHECK(status(post("Content-Length: 0x3\r\n")) == 400);
  CHECK(status(post("Content-Length: 99999999999999999999\r\n")) == 400);
}

TEST_CASE("chunks have sizes of hexadecimal digits, and end as they say") {
  const auto status = [](const std::string& body) {
    return ReaderFixture().refused(post("Transfer-Encoding: chunked\r\n") + body);
  };
  for (const char* body : {"ffffffffffffffffff\r\n", "-1\r\n", "0x3\r\nabc\r\n\r\n", "\r\nabc\r\n", "g\r\n",
                           "3\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "3;\x01\r\nabc\r\n"}) {
    INFO(body);
    CHECK(status(body) == 400);
  }
  CHECK(status("ffffffffffffffff\r\n") == 413);
}

TEST_CASE_METHOD(ReaderFixture, "the fields of a trailer count for nothing") {
  REQUIRE(feed(post("Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n") +
               "1\r\na\r\n0\r\nContent-Type: text/plain\r\nPrefer: wait=9\r\nConnection: close\r\nHost: evil\r\n"
               "Expect: tea\r\n\r\n" +
               kHidden) == Step::complete);
  Request request;
  reader.fill(request);
  CHECK(request.content_type == "application/json");
  CHECK(request.prefer.empty());
  CHECK(request.host == "x");
  CHECK(reader.keep_alive());
  reader.begin();
  REQUIRE(reader.step() == Step::complete);
  CHECK(reader.target() == "/hidden");
}

TEST_CASE("a trailer does not change where the body ends") {
  for (const char* field : {"Content-Length: 3", "Transfer-Encoding: chunked"}) {
    INFO(field);
    CHECK(ReaderFixture().refused(post("Transfer-Encoding: chunked\r\n") + "0\r\n" + field + "\r\n\r\n") == 400);
  }
}

TEST_CASE_METHOD(ReaderFixture, "a preference may have a line of its own") {
  REQUIRE(feed("GET / HTTP/1.1\r\nHost: x\r\nPrefer: respond-async\r\nprefer: wait=3\r\n\r\n") == Step::complete);
  Request request;
  reader.fill(request);
  CHECK(request.prefer == "respond-async, wait=3");
}

TEST_CASE_METHOD(ReaderFixture, "empty lines before a request are skipped") {
  REQUIRE(feed("\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n") == Step::complete);
  CHECK(reader.target() == "/a");
  reader.begin();
  REQUIRE(reader.step() == Step::complete);
  CHECK(reader.target() == "/b");
}

TEST_CASE_METHOD(ReaderFixture, "an empty line may come in two pieces") {
  CHECK(feed("\r") == Step::need_more);
  CHECK(feed("\n") == Step::need_more);
  REQUIRE(feed("GET /a HTTP/1.1\r\nHost: x\r\n\r\n") == Step::complete);
  CHECK(reader.target() == "/a");
}

TEST_CASE_METHOD(ReaderFixture, "a later HTTP/1 is read as HTTP/1.1") {
  REQUIRE(feed("GET /a HTTP/1.2\r\nHost: x\r\n\r\n") == Step::complete);
  CHECK_FALSE(reader.is_http_1_0());
  CHECK(reader.keep_alive());
  CHECK(ReaderFixture().refused("GET /a HTTP/1.9\r\n\r\n") == 400);  // no Host
}

TEST_CASE("what is not the request line of HTTP/1 is refused before the rest comes") {
  const auto status = [](const std::string& line) { return ReaderFixture().refused(line); };
  for (const char* line :
       {"GET /a b HTTP/1.1\r\n", "GET  /a HTTP/1.1\r\n", "GET /a HTTP/1.1 \r\n", "GET /a\r\n", "GET\r\n",
        "GET /a http/1.1\r\n", "GET /a HTTP/1.10\r\n", "G(T /a HTTP/1.1\r\n", " GET /a HTTP/1.1\r\n",
        "GET /a HTTP/1.1\n", "\nGET /a HTTP/1.1\r\n", "\rGET /a HTTP/1.1\r\n", "\x16\x03\x01"}) {
    INFO(line);
    CHECK(status(line) == 400);
  }
  CHECK(status("PRI * HTTP/2.0\r\n") == 505);
  CHECK(status("GET /a HTTP/0.9\r\n") == 505);
}

TEST_CASE("a head with bare line feeds, folded lines or control characters is refused") {
  for (const char* fields :
       {"Host: x\nX: y\r\n", "Host: x\r\nX: a\r\n b\r\n", "Host: x\r\n\tfolded\r\n", "Host: x\r\nX: a\rb\r\n",
        "Host: x\r\nX: \x01\r\n", "Host: x\r\nX: \x7f\r\n", "Host: x\r\nnothing\r\n", "Host: x\r\n: y\r\n"}) {
    INFO(fields);
    CHECK(ReaderFixture().refused("GET / HTTP/1.1\r\n" + std::string(fields) + "\r\n") == 400);
  }
  CHECK(ReaderFixture().refused("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(1, '\0') + "\r\n\r\n") == 400);
}

TEST_CASE("a head of exactly the limit is read, and one byte more is not") {
  const auto head = [](std::size_t size) {
    const std::string start = "GET / HTTP/1.1\r\nHost: x\r\nX: ";
    return start + std::string(size - start.size() - 4, 'x') + "\r\n\r\n";
  };
  CHECK(ReaderFixture().feed(head(1024)) == Step::complete);
  CHECK(ReaderFixture().refused(head(1025)) == 431);
}

TEST_CASE_METHOD(ReaderFixture, "every method is told apart") {
  const std::pair<const char*, Method> methods[] = {
      {"PUT", Method::put},         {"PATCH", Method::patch}, {"DELETE", Method::delete_}, {"TRACE", Method::trace},
      {"CONNECT", Method::connect}, {"BREW", Method::other},  {"get", Method::other},      {"PROPFIND", Method::other}};
  for (const auto& [name, method] : methods) {
    INFO(name);
    REQUIRE(feed(std::string(name) + " / HTTP/1.1\r\nHost: x\r\n\r\n") == Step::complete);
    Request request;
    reader.fill(request);
    CHECK(request.method == method);
    reader.begin();
  }
}

}  // namespace zebu::http
