#include "http/response.h"
#include "tests/support/catch.h"
#include "webfront/problem.h"

#include <nlohmann/json.hpp>

namespace zebu::webfront {

using namespace zebu::http;
using namespace std::chrono_literals;

namespace {

std::string bytes_of(const Response& response, const Framing& framing) {
  ServerHeaders headers("ox/1");
  headers.update(784111777);
  std::string bytes;
  append_head(bytes, response, framing, headers);
  return has_body(response, framing) ? bytes + response.body : bytes;
}

const std::string kHead = "\r\nServer: ox/1\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

}  // namespace

TEST_CASE("a response travels with its length and date") {
  CHECK(bytes_of({200, kText, "Hello!", {}}, {}) ==
        "HTTP/1.1 200 OK" + kHead + "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\n\r\nHello!");
}

TEST_CASE("HEAD has the headers of GET") {
  const Response response{200, kText, "Hello!", {}};
  CHECK(bytes_of(response, {false, true, true}) + "Hello!" == bytes_of(response, {}));
}

TEST_CASE("204 has no content headers") {
  CHECK(bytes_of({204, kText, "", "Allow: GET\r\n"}, {}) == "HTTP/1.1 204 No Content" + kHead + "Allow: GET\r\n\r\n");
}

TEST_CASE("the end of a connection is announced") {
  CHECK(bytes_of({}, {false, false, false}).find("Connection: close\r\n") != std::string::npos);
  CHECK(bytes_of({}, {true, true, false}).find("Connection: keep-alive\r\n") != std::string::npos);
}

TEST_CASE("a refusal of the broker becomes a problem with its own status") {
  CHECK(error_response({ErrorCode::unknown_task, "t", {}}).status == 422);
  CHECK(error_response({ErrorCode::bad_job, "t", {}}).status == 400);
  CHECK(error_response({ErrorCode::unknown_job, "t", {}}).status == 503);
  const Response full = error_response({ErrorCode::queue_full, "full", 1500ms});
  CHECK(full.status == 429);
  CHECK(full.headers == "Retry-After: 2\r\n");
  const Response no_room = error_response({ErrorCode::store_full, "no room", 5s});
  CHECK(no_room.status == 507);
  CHECK(no_room.headers == "Retry-After: 5\r\n");
  for (const ErrorCode code : {ErrorCode::timed_out, ErrorCode::client_full}) {
    CHECK(error_response({code, "", {}}).status == 503);
    CHECK(error_response({code, "", {}}).headers == "Retry-After: 1\r\n");
  }
  const Response away = error_response({ErrorCode::disconnected, "gone", {}});
  CHECK(away.status == 503);
  CHECK(away.headers == "Retry-After: 1\r\n");
  CHECK(nlohmann::json::parse(away.body) == nlohmann::json{{"type", "urn:zebu:problem:broker_away"},
                                                           {"title", "The broker is unavailable"},
                                                           {"status", 503},
                                                           {"detail", "gone"}});
}

TEST_CASE("a failed job's problem has type, message and trace") {
  const Response response = outcome_response({JobState::failed, {}, {"std::logic_error", "no", {"f", "g"}}, {}});
  CHECK(response.status == 500);
  CHECK(response.content_type == kProblem);
  CHECK(nlohmann::json::parse(response.body)["error"] ==
        nlohmann::json{{"type", "std::logic_error"}, {"message", "no"}, {"trace", {"f", "g"}}});
}

TEST_CASE("an expired job, a cancelled one and a crash are problems of their own") {
  CHECK(outcome_response({JobState::expired, {}, {}, {}}).status == 504);
  CHECK(outcome_response({JobState::expired, {}, {}, {}}).body.find("urn:zebu:problem:job_expired") !=
        std::string::npos);
  CHECK(outcome_response({JobState::cancelled, {}, {}, {}}).body.find("job_cancelled") != std::string::npos);
  const Response crash = outcome_response({JobState::failed, {}, {"zebu::Crash", "SIGSEGV", {}, ErrorKind::crash}, {}});
  CHECK(nlohmann::json::parse(crash.body)["error"]["kind"] == "crash");
}

}  // namespace zebu::webfront
