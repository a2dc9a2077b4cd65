#include "http/host_policy.h"
#include "tests/support/catch.h"

namespace zebu::http {
namespace {

unsigned status(const HostPolicy& policy, const Request& request) {
  const auto refusal = policy.refuse(request);
  return refusal ? refusal->status : 200;
}

unsigned of_host(const HostPolicy& policy, std::string_view host) {
  Request request;
  request.host = host;
  return status(policy, request);
}

unsigned of_browser(Method method, std::string_view fetch_site, std::string_view origin) {
  Request request;
  request.method = method;
  request.host = "localhost:8080";
  request.fetch_site = fetch_site;
  request.origin = origin;
  return status(HostPolicy({}, {}), request);
}

}  // namespace

TEST_CASE("a name that an outsider may own is refused as a host") {
  const HostPolicy policy({}, {"ox.example", ""});
  for (const char* host :
       {"localhost", "localhost:8080", "LOCALHOST", "ox.localhost", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8080",
        "10.1.2.3:8080", "webfront:8080", "x", "localhost.", "ox.example", "OX.example:1"}) {
    INFO(host);
    CHECK(of_host(policy, host) == 200);
  }
  for (const char* host : {"evil.example", "evil.example:8080", "evil.localhost.example", "evillocalhost.example",
                           "1.2.3", "127.0.0.1.nip.io", "evil.example."}) {
    INFO(host);
    CHECK(of_host(policy, host) == 421);
  }
}

TEST_CASE("further hosts can be allowed, or all") {
  CHECK(of_host(HostPolicy({"jobs.example.org"}, {}), "jobs.example.org:443") == 200);
  CHECK(of_host(HostPolicy({"jobs.example.org"}, {}), "x.jobs.example.org") == 421);
  CHECK(of_host(HostPolicy({"*"}, {}), "evil.example") == 200);
}

TEST_CASE("what is no host is a bad request") {
  for (const char* host :
       {"a b", "a@b", "a/b", ":80", "a:b", "a:80:80", "[::1", "[x]", "[::1]80", "::1", "a,b", "\xc3\xa4"}) {
    INFO(host);
    CHECK(of_host(HostPolicy({"*"}, {}), host) == 400);
  }
}

TEST_CASE("the host of an absolute target counts, not the header") {
  Request request;
  request.host = "localhost";
  REQUIRE(request.target.parse("http://evil.example/fast"));
  CHECK(status(HostPolicy({}, {}), request) == 421);
}

TEST_CASE("a request without a host is served: no browser makes one") { CHECK(of_host(HostPolicy({}, {}), "") == 200); }

TEST_CASE("a page of another site cannot change anything") {
  CHECK(of_browser(Method::post, "cross-site", "") == 403);
  CHECK(of_browser(Method::post, "same-site", "") == 403);
  CHECK(of_browser(Method::delete_, "cross-site", "") == 403);
  CHECK(of_browser(Method::post, "same-origin", "https://localhost:8080") == 200);
  CHECK(of_browser(Method::post, "none", "") == 200);
  CHECK(of_browser(Method::get, "cross-site", "http://evil.example") == 200);
  // Browsers that do not know Sec-Fetch-Site.
  CHECK(of_browser(Method::post, "", "http://evil.example") == 403);
  CHECK(of_browser(Method::post, "", "http://localhost:3000") == 403);
  CHECK(of_browser(Method::post, "", "null") == 403);
  CHECK(of_browser(Method::post, "", "http://localhost:8080") == 200);
  CHECK(of_browser(Method::post, "", "") == 200);
}

}  // namespace zebu::http
