#include "tests/support/catch.h"
#include "webfront/api/trace.h"

#include <set>

// The trace that a job is in.
namespace zebu::webfront::api {

namespace {

const std::string kTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

}  // namespace

TEST_CASE("a traceparent has 55 characters of version 00, and ids that are not all 0") {
  CHECK(is_traceparent(kTrace));
  for (const std::string& wrong :
       {std::string(), kTrace + "-", kTrace.substr(0, 54), kTrace + "0", "01" + kTrace.substr(2),
        "ff" + kTrace.substr(2), "00-" + std::string(32, '0') + kTrace.substr(35),
        kTrace.substr(0, 36) + std::string(16, '0') + "-01", "00-4BF9" + kTrace.substr(7), kTrace.substr(0, 53) + "0g",
        kTrace.substr(0, 52) + "+01", "00_" + kTrace.substr(3), " " + kTrace.substr(1),
        kTrace.substr(0, 35) + "x" + kTrace.substr(36), std::string(55, '\0')}) {
    INFO(wrong);
    CHECK_FALSE(is_traceparent(wrong));
  }
}

TEST_CASE("a request's trace is taken as it is, and one that has none gets a new one") {
  CHECK(trace_of(kTrace) == kTrace);
  std::set<std::string> fresh;
  for (int i = 0; i < 1000; ++i) {
    const std::string trace = trace_of(i % 2 == 0 ? "" : "garbage\r\nX: y");
    CHECK(is_traceparent(trace));
    fresh.insert(trace.substr(3, 32));
  }
  CHECK(fresh.size() == 1000);
}

TEST_CASE("a job keeps the trace that it has, and gets none that would not fit") {
  JobOptions options;
  add_trace(options, kTrace);
  CHECK(options.headers == std::vector<Header>{{"traceparent", kTrace}});
  CHECK(trace_header(options) == "Traceparent: " + kTrace + "\r\n");
  JobOptions own{.headers = {{"traceparent", "mine\r\nSet-Cookie: x"}}};
  add_trace(own, kTrace);
  CHECK(own.headers.size() == 1);
  // Nothing that a job says becomes a header of the response as it is.
  CHECK(trace_header(own).empty());
  JobOptions many;
  for (std::size_t i = 0; i < kMaxHeaders; ++i) many.headers.emplace_back("h" + std::to_string(i), "");
  add_trace(many, kTrace);
  CHECK(many.headers.size() == kMaxHeaders);
  CHECK(trace_header(many).empty());
  JobOptions large{.headers = {{"h", std::string(kMaxHeaderBytes - 1 - 65, 'x')}}};
  add_trace(large, kTrace);
  CHECK(large.headers.size() == 1);
  large.headers[0].second.pop_back();
  add_trace(large, kTrace);
  CHECK(large.headers.size() == 2);
  CHECK_FALSE(why_bad(large));
}

}  // namespace zebu::webfront::api
