#include "http/router.h"
#include "tests/support/catch.h"

namespace zebu::http {
namespace {

struct RouterFixture {
  Router router;
  std::size_t fast = router.add(Method::get, "/fast");
  std::size_t submit = router.add(Method::post, "/v1/jobs");
  std::size_t list = router.add(Method::get, "/v1/jobs");
  std::size_t job = router.add(Method::get, "/v1/jobs/{id}");
  std::size_t remove = router.add(Method::delete_, "/v1/jobs/{id}");
  Target target{};

  Router::Match find(Method method, std::string_view text) {
    REQUIRE(target.parse(text));
    return router.find(method, target);
  }
};

}  // namespace

TEST_CASE_METHOD(RouterFixture, "a method and a path choose a route") {
  CHECK(find(Method::get, "/fast?x=1").route == fast);
}

TEST_CASE_METHOD(RouterFixture, "one path has a route for each method") {
  CHECK(find(Method::post, "/v1/jobs").route == submit);
}

TEST_CASE_METHOD(RouterFixture, "HEAD is served by GET's route") {
  CHECK(find(Method::head, "/v1/jobs").route == list);
}

TEST_CASE_METHOD(RouterFixture, "a parameter is one segment") {
  const auto match = find(Method::get, "/v1/jobs/a%2Fb");
  CHECK(match.route == job);
  CHECK(match.parameter == "a/b");
}

TEST_CASE_METHOD(RouterFixture, "a parameter is not empty") { CHECK_FALSE(find(Method::get, "/v1/jobs/").route); }

TEST_CASE_METHOD(RouterFixture, "a wrong method is told the right ones") {
  const auto match = find(Method::other, "/v1/jobs");
  CHECK_FALSE(match.route);
  CHECK(match.allow == "GET, HEAD, POST, OPTIONS");
}

TEST_CASE_METHOD(RouterFixture, "an unknown path has no methods") { CHECK(find(Method::get, "/fas").allow.empty()); }

TEST_CASE_METHOD(RouterFixture, "a near miss is no match") { CHECK(find(Method::get, "/fast/").allow.empty()); }

TEST_CASE_METHOD(RouterFixture, "every method may have a route") {
  CHECK(find(Method::delete_, "/v1/jobs/7").route == remove);
}

TEST_CASE_METHOD(RouterFixture, "the methods of a path are in one order") {
  CHECK(find(Method::put, "/v1/jobs/7").allow == "GET, HEAD, DELETE, OPTIONS");
}

TEST_CASE_METHOD(RouterFixture, "a path of too many segments is no path") {
  CHECK(find(Method::get, "/1/2/3/4/5/6/7/8/9").allow.empty());
}

TEST_CASE_METHOD(RouterFixture, "the asterisk has the methods of all paths") {
  CHECK(find(Method::options, "*").allow == "GET, HEAD, POST, DELETE, OPTIONS");
}

}  // namespace zebu::http
