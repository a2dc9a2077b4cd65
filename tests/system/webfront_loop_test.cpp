#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/stack.h"
#include "zebu/client.h"
#include "zebu/convert.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <future>

// Large values and long lists, and what other requests notice of them.
namespace zebu::test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

// Leaves one job in each of so many queues, which nobody serves.
void fill_queues(const Stack& stack, int count) {
  ClientOptions options;
  options.broker = stack.clients();
  const auto client = Client::connect(options).value();
  std::vector<JobHandle> jobs;
  for (int i = 0; i < count; ++i) {
    JobRequest job{"fib", pack_args(1), "q" + std::to_string(10'000 + i), {}};
    job.options.transient = true;
    jobs.push_back(client->submit(job));
  }
  for (const JobHandle& job : jobs) REQUIRE(job.accepted(20s));
}

std::string list_of_ones(std::size_t count) {
  std::string list = "[1";
  for (std::size_t i = 1; i < count; ++i) list += ",1";
  return list + "]";
}

}  // namespace

TEST_CASE("lists over HTTP come page by page, and a wrong page is refused") {
  Stack stack({.consumers = 2});
  fill_queues(stack, 250);
  std::vector<std::string> names;
  std::string after;
  std::vector<std::size_t> pages;
  for (Json next = ""; next.is_string(); after = "&after=" + (next.is_string() ? next.get<std::string>() : "")) {
    const Json page = Json::parse(stack.get("/v1/queues?limit=120" + after).body);
    for (const Json& queue : page["queues"]) names.push_back(queue["name"]);
    pages.push_back(page["queues"].size());
    next = page["next"];
  }
  CHECK(pages == std::vector<std::size_t>{120, 120, 11});
  CHECK(names.size() == 251);  // and default
  CHECK(std::is_sorted(names.begin(), names.end()));
  CHECK(Json::parse(stack.get("/v1/queues").body)["queues"].size() == 100);

  const Json first = Json::parse(stack.get("/v1/consumers?limit=1").body);
  REQUIRE(first["consumers"].size() == 1);
  const Json second = Json::parse(stack.get("/v1/consumers?after=" + first["next"].get<std::string>()).body);
  REQUIRE(second["consumers"].size() == 1);
  CHECK(second["next"].is_null());
  CHECK(second["consumers"][0]["instance"] != first["consumers"][0]["instance"]);

  for (const char* wrong : {"/v1/queues?limit=0", "/v1/queues?limit=1001", "/v1/queues?limit=x"}) {
    const HttpReply reply = stack.get(wrong);
    CHECK(reply.status == 400);
    CHECK(Json::parse(reply.body)["detail"] == "limit must be a whole number from 1 to 1000");
  }
  const HttpReply reply = stack.get("/v1/consumers?after=x");
  CHECK(reply.status == 400);
  CHECK(reply.body.find("the next of an earlier page") != std::string::npos);
}

TEST_CASE("the command line shows all pages of a list") {
  const Stack stack({.consumers = 2, .with_webfront = false});
  fill_queues(stack, 1'100);
  CHECK(Json::parse(stack.produce({"queues", "--output", "json"}).out).size() == 1'101);
  const std::string table = stack.produce({"queues"}).out;
  CHECK(table.find("q10000 ") != std::string::npos);
  CHECK(table.find("q11099 ") != std::string::npos);
  const Json look = Json::parse(stack.produce({"top", "--output", "json"}).out);
  CHECK(look["queues"].size() == 1'101);
  CHECK(look["consumers"].size() == 2);
}

TEST_CASE("other requests are answered while a large value is converted") {
  Stack stack({.consumer = {"--slots", "2"}, .webfront = {"--max-body", "32MiB", "--max-buffered", "200MiB"}});
  constexpr std::size_t kCount = 4'000'000;
  const std::string list = list_of_ones(kCount);
  const std::string body = R"({"task": "echo", "args": [)" + list + "]}";
  using Clock = std::chrono::steady_clock;
  HttpReply reply;
  const auto begin = Clock::now();
  auto large = std::async(std::launch::async, [&] {
    reply = stack.post("/v1/jobs", body, {{"Prefer", "wait=60"}}, 60s);
    reply = stack.get(reply.header("location"), 60s);
  });
  HttpConnection other(stack.http_port());
  Clock::duration longest{};
  int count = 0;
  while (large.wait_for(0s) != std::future_status::ready) {
    const auto asked = Clock::now();
    CHECK(other.request({.target = "/fast"}, 60s).status == 200);
    longest = std::max(longest, Clock::now() - asked);
    ++count;
  }
  const auto took = Clock::now() - begin;
  large.get();
  CHECK(reply.status == 200);
  CHECK(reply.body.find("\"result\":" + list) != std::string::npos);
  // In the loop the three conversions would take most of the time, each of them at once.
  INFO(count << " others, the longest of " << longest / 1us << " of " << took / 1us << " us");
  CHECK(longest < took / 5);
  CHECK(count > 20);
}

}  // namespace zebu::test
