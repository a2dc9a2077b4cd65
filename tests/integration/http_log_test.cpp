#include "tests/support/captured_log.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/http.h"
#include "tests/support/server_fixture.h"

// What a server says of each request: to its client, and in its log.
using namespace zebu;
using namespace std::chrono_literals;
using test::ServerFixture;

namespace {

// The first line of the event that has these fields.
nlohmann::json line_of(const test::CapturedLog& log, const nlohmann::json& fields) {
  nlohmann::json found;
  REQUIRE(test::eventually([&] {
    for (const auto& line : log.lines()) {
      if (test::is_event(line, "http_request", fields)) return found = line, true;
    }
    return false;
  }));
  return found;
}

}  // namespace

TEST_CASE_METHOD(ServerFixture,
                 "each response has the id of its request, the client's own if that is short and printable") {
  auto client = connect();
  for (const std::string& own : {std::string("a"), std::string("req-1/{x}~"), std::string(64, 'x')}) {
    CHECK(client.request({.target = "/names/a", .headers = {{"X-Request-Id", own}}}).header("x-request-id") == own);
  }
  std::string last;
  for (const std::string& wrong : {std::string(), std::string(65, 'x'), std::string("a b"), std::string("\xe4")}) {
    const auto reply = client.request({.target = "/names/a", .headers = {{"X-Request-Id", wrong}}});
    CHECK(reply.status == 200);
    CHECK(Uuid::parse(reply.header("x-request-id")));
    CHECK(reply.header("x-request-id") != last);
    last = reply.header("x-request-id");
  }
  client.send("GET /names/a HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\nX-Request-Id: b\r\n\r\n");
  CHECK(Uuid::parse(client.receive().header("x-request-id")));
  // The next request does not inherit it.
  client.request({.target = "/names/a", .headers = {{"X-Request-Id", "mine"}}});
  CHECK(client.request({.target = "/names/a"}).header("x-request-id") != "mine");
  // Those that are refused have one as well, and a response in pieces.
  const test::HttpHeaders mine{{"X-Request-Id", "mine"}};
  CHECK(client.request({.target = "/other", .headers = mine}).header("x-request-id") == "mine");
  CHECK(client.request({.method = "POST", .target = "/throws", .headers = mine}).header("x-request-id") == "mine");
  CHECK(client.request({.target = "/pieces/2", .headers = mine}).header("x-request-id") == "mine");
  client.send("nonsense\r\n\r\n");
  CHECK(Uuid::parse(client.receive().header("x-request-id")));
  auto large = connect();
  large.send("POST /names/a HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\nContent-Length: 100000000\r\n\r\n");
  const auto refused = large.receive();
  CHECK(refused.status == 413);
  CHECK_FALSE(refused.header("x-request-id").empty());
}

TEST_CASE("each request is logged with its route, and nothing that a client may want to hide") {
  const test::CapturedLog log;
  ServerFixture server;
  auto client = server.connect();
  const test::HttpHeaders headers{
      {"X-Request-Id", "r-1"}, {"Authorization", "Bearer secret"}, {"Cookie", "secret"}, {"Prefer", "secret"}};
  client.request({.target = "/names/secret?token=secret", .headers = headers});
  const auto line = line_of(log, {{"request_id", "r-1"}});
  CHECK(line["method"] == "GET");
  CHECK(line["route"] == "/names/{name}");
  CHECK(line["status"] == 200);
  CHECK(line["bytes"] == 6);
  CHECK(line["level"] == "debug");
  CHECK(line["duration_ms"].get<int>() >= 0);
  CHECK(line["peer"].get<std::string>().starts_with("127.0.0.1:"));
  client.request({.method = "HEAD", .target = "/names/secret", .headers = {{"X-Request-Id", "r-2"}}});
  CHECK(line_of(log, {{"request_id", "r-2"}, {"method", "HEAD"}})["bytes"] == 0);
  client.request({.target = "/secret", .headers = {{"X-Request-Id", "r-3"}}});
  CHECK_FALSE(line_of(log, {{"request_id", "r-3"}, {"status", 404}}).contains("route"));
  client.request({.target = "/pieces/3", .headers = {{"X-Request-Id", "r-4"}}});
  CHECK(line_of(log, {{"request_id", "r-4"}, {"status", 200}})["bytes"] == 6);
  client.send("secret\r\n\r\n");
  CHECK(client.receive().status == 400);
  CHECK_FALSE(line_of(log, {{"status", 400}}).contains("method"));
  auto gone = server.connect();
  gone.send(test::to_bytes({.target = "/waits", .headers = {{"X-Request-Id", "r-5"}}}));
  REQUIRE(server.has_begun.get_future().wait_for(20s) == std::future_status::ready);
  gone.close();
  CHECK_FALSE(line_of(log, {{"request_id", "r-5"}}).contains("status"));
  for (const auto& each : log.lines()) CHECK(each.dump().find("secret") == std::string::npos);
}
