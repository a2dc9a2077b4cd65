#include "http/cancellation.h"
#include "http/field.h"
#include "http/problem.h"
#include "http/routes.h"
#include "http/server_options.h"
#include "tests/support/catch.h"
#include "zebu/hex.h"

#include <nlohmann/json.hpp>

namespace zebu::http {

using namespace std::chrono_literals;

TEST_CASE("a problem document has type, title, status and detail") {
  const Response response = problem_response(problems::kBadRequest, "a \"quoted\" \xff");
  CHECK(response.status == 400);
  CHECK(response.content_type == "application/problem+json");
  CHECK(nlohmann::json::parse(response.body) == nlohmann::json{{"type", "urn:zebu:problem:bad_request"},
                                                               {"title", "The request is malformed"},
                                                               {"status", 400},
                                                               {"detail", "a \"quoted\" \xef\xbf\xbd"}});
}

TEST_CASE("a problem document without a detail has no such member, and may have others") {
  const Response response = problem_response(problems::kInternal, "", R"("error":{"a":1})");
  const auto body = nlohmann::json::parse(response.body);
  CHECK_FALSE(body.contains("detail"));
  CHECK(body["error"] == nlohmann::json{{"a", 1}});
  CHECK(body["status"] == 500);
}

TEST_CASE("Retry-After is in whole seconds, rounded up, and at least one") {
  CHECK(retry_after(0ms) == "Retry-After: 1\r\n");
  CHECK(retry_after(1000ms) == "Retry-After: 1\r\n");
  CHECK(retry_after(1001ms) == "Retry-After: 2\r\n");
}

TEST_CASE("a server serves as many connections as it is told, if it may open that many files") {
  CHECK(allowed_connections(10'000, 1'000'000) == 10'000);
  CHECK(allowed_connections(10'000, 10'000) == 10'000 - kMaxRefusals - 64);
  CHECK(allowed_connections(10'000, 1024) == 1024 - kMaxRefusals - 64);
}

TEST_CASE("with very few files half of them are for connections") {
  CHECK(allowed_connections(10'000, 100) == 50);
  CHECK(allowed_connections(10, 100) == 10);
  CHECK(allowed_connections(10'000, 2 * (kMaxRefusals + 64)) == kMaxRefusals + 64);
}

TEST_CASE("the shared headers follow the second") {
  ServerHeaders headers("ox/1");
  headers.update(784111777);
  const std::string first(headers.text());
  CHECK(first == "Server: ox/1\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  headers.update(784111777);
  CHECK(headers.text() == first);
  headers.update(784111778);
  CHECK(headers.text() == "Server: ox/1\r\nDate: Sun, 06 Nov 1994 08:49:38 GMT\r\n");
}

TEST_CASE("a cancellation tells its listener once why") {
  Cancellation cancellation;
  std::vector<Ending> heard;
  cancellation.listen([&](Ending why) { heard.push_back(why); });
  cancellation.raise(Ending::stopping);
  cancellation.raise(Ending::hung_up);
  CHECK(heard == std::vector{Ending::stopping});
  CHECK(cancellation.raised() == Ending::stopping);
}

TEST_CASE("a listener that comes after the cancellation is told at once") {
  Cancellation cancellation;
  cancellation.raise(Ending::hung_up);
  std::optional<Ending> heard;
  cancellation.listen([&](Ending why) { heard = why; });
  CHECK(heard == Ending::hung_up);
}

TEST_CASE("a listener that was removed is told nothing") {
  Cancellation cancellation;
  bool heard = false;
  cancellation.listen([&](Ending) { heard = true; });
  cancellation.listen({});
  cancellation.raise(Ending::hung_up);
  CHECK_FALSE(heard);
}

TEST_CASE("names do not distinguish upper and lower case") {
  CHECK(is_same_name("Prefer", "pREFER"));
  CHECK_FALSE(is_same_name("Prefer", "Prefers"));
  CHECK_FALSE(is_same_name("Prefer", "Prefet"));
}

TEST_CASE("a media type's parameters do not matter") {
  CHECK(is_media_type("application/json", kJson));
  CHECK(is_media_type("Application/JSON; charset=utf-8", kJson));
  CHECK_FALSE(is_media_type("application/jsonp", kJson));
  CHECK_FALSE(is_media_type("", kJson));
}

TEST_CASE("a field's value is taken apart at its separators") {
  std::string_view text = "a, b";
  CHECK(take(text, ',') == "a");
  CHECK(trim(text) == "b");
  CHECK(take(text, ',') == " b");
  CHECK(text.empty());
  CHECK(take(text, ',').empty());
  CHECK(trim(" \t ").empty());
  std::string_view quoted = "a=\"1,\\\"2\",b";
  CHECK(take_unquoted(quoted, ',') == "a=\"1,\\\"2\"");
  CHECK(quoted == "b");
}

TEST_CASE("hexadecimal digits have values, and nothing else does") {
  CHECK(hex_digit('0') == 0);
  CHECK(hex_digit('9') == 9);
  CHECK(hex_digit('a') == 10);
  CHECK(hex_digit('F') == 15);
  for (const char c : {'g', 'G', '/', ':', '@', '`', ' '}) CHECK(hex_digit(c) == -1);
}

namespace {

struct RoutesFixture {
  Routes routes{{{Method::get, "/metrics", {}, false}, {Method::post, "/runs/{id}", {}, true}}, "ask the ox"};
  Request request{};

  Routes::Choice choose(Method method, std::string_view target) {
    REQUIRE(request.target.parse(target));
    request.method = method;
    return routes.choose(request);
  }
};

}  // namespace

TEST_CASE_METHOD(RoutesFixture, "a request gets its route, and the route's parameter") {
  const auto choice = choose(Method::post, "/runs/7");
  REQUIRE(choice.route != nullptr);
  CHECK(choice.route->path == "/runs/{id}");
  CHECK(choice.route->waits);
  CHECK(request.parameter == "7");
}

TEST_CASE_METHOD(RoutesFixture, "a path without a route is a problem that says where the paths are") {
  const auto choice = choose(Method::get, "/other");
  CHECK(choice.route == nullptr);
  CHECK(choice.instead.status == 404);
  CHECK(nlohmann::json::parse(choice.instead.body)["detail"] == "ask the ox");
}

TEST_CASE_METHOD(RoutesFixture, "a path without the method is a problem that names the methods") {
  const auto choice = choose(Method::post, "/metrics");
  CHECK(choice.instead.status == 405);
  CHECK(choice.instead.headers == "Allow: GET, HEAD, OPTIONS\r\n");
}

TEST_CASE_METHOD(RoutesFixture, "a method that no server knows is not implemented, whatever the path") {
  CHECK(choose(Method::other, "/nowhere").instead.status == 501);
}

TEST_CASE_METHOD(RoutesFixture, "OPTIONS names the methods") {
  const auto choice = choose(Method::options, "/runs/7");
  CHECK(choice.instead.status == 204);
  CHECK(choice.instead.headers == "Allow: POST, OPTIONS\r\n");
  CHECK(choice.instead.body.empty());
}

}  // namespace zebu::http
