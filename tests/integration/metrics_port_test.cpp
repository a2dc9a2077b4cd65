#include "scrape/port.h"
#include "scrape/process_metrics.h"
#include "tests/support/catch.h"
#include "tests/support/http.h"
#include "tests/support/metrics.h"

#include <nlohmann/json.hpp>

#include <atomic>
#include <ctime>
#include <fstream>
#include <thread>

// The port that every program has for Prometheus, with a loop of the test's.
namespace zebu::scrape {

using namespace std::chrono_literals;
using test::http_get;
using test::HttpConnection;
using test::HttpReply;
using test::Metrics;

namespace {

const std::string kSome = "# HELP zebu_things Things\n# TYPE zebu_things gauge\nzebu_things 7\n";

Options options_for(std::string listen, std::vector<std::string> hosts = {}) {
  Options options;
  options.listen = std::move(listen);
  options.hosts = std::move(hosts);
  return options;
}

class Fixture {
 public:
  explicit Fixture(Port::Guard guard = nullptr, std::vector<std::string> hosts = {})
      : port_("ox", options_for("127.0.0.1:0", std::move(hosts)), mailbox, std::move(guard)) {
    REQUIRE(port_.start());
    const std::string& address = port_.address();
    number = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  }

  HttpReply get(const std::string& target = "/metrics", test::HttpHeaders headers = {}) const {
    return test::http(number, {.target = target, .headers = std::move(headers)});
  }

  metrics::Mailbox mailbox;
  std::uint16_t number = 0;

 private:
  Port port_;
};

}  // namespace

TEST_CASE("metrics port: it serves what the loop has left, and what it knows of the process") {
  Fixture f;
  f.mailbox.put(kSome, Clock::now());
  const HttpReply reply = f.get();
  CHECK(reply.status == 200);
  CHECK(reply.header("content-type") == metrics::kContentType);
  CHECK(reply.body.starts_with(kSome));
  const Metrics m(reply.body);
  for (const metrics::Row& row : ProcessMetrics::all()) {
    INFO(row.name);
    CHECK(m.types().at(std::string(row.name)) == row.type);
    CHECK(m.series_of(std::string(row.name)) == 1);
  }
  CHECK(m["process_cpu_seconds_total"] > 0);
  CHECK(m["process_resident_memory_bytes"] > 1'000'000);
  CHECK(m["process_virtual_memory_bytes"] >= m["process_resident_memory_bytes"]);
  CHECK(m["process_max_fds"] >= m["process_open_fds"]);
  const auto now = static_cast<double>(std::time(nullptr));
  CHECK(m["process_start_time_seconds"] <= now + 1);
  CHECK(m["process_start_time_seconds"] > now - 3600);
  CHECK(Metrics(f.get().body)["process_start_time_seconds"] == m["process_start_time_seconds"]);
}

TEST_CASE("metrics port: a descriptor that is opened is counted") {
  Fixture f;
  f.mailbox.put(kSome, Clock::now());
  HttpConnection client(f.number);
  const double before = Metrics(client.request({.target = "/metrics"}).body)["process_open_fds"];
  const std::ifstream file("/proc/self/stat");
  CHECK(Metrics(client.request({.target = "/metrics"}).body)["process_open_fds"] == before + 1);
}

TEST_CASE("metrics port: the first to ask waits for the loop's next look") {
  Fixture f;
  std::thread loop([&] {
    while (!f.mailbox.is_wanted(Clock::now())) std::this_thread::yield();
    f.mailbox.put(kSome, Clock::now());
  });
  const HttpReply reply = f.get();
  loop.join();
  CHECK(reply.status == 200);
  CHECK(reply.body.starts_with(kSome));
}

TEST_CASE("metrics port: a loop that stands still is told of, instead of its old numbers") {
  Fixture f;
  f.mailbox.put(kSome, Clock::now() - metrics::Mailbox::kFresh - 1s);
  const TimePoint began = Clock::now();
  const HttpReply reply = f.get();
  CHECK(reply.status == 503);
  CHECK(reply.has("retry-after"));
  CHECK(Clock::now() - began >= Port::kWait);
  CHECK(nlohmann::json::parse(reply.body)["type"] == "urn:zebu:problem:overloaded");
  f.mailbox.put(kSome, Clock::now());
  CHECK(f.get().status == 200);
}

TEST_CASE("metrics port: it ends soon, also while somebody waits") {
  std::optional<Fixture> f(std::in_place);
  HttpConnection waiting(f->number);
  waiting.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  while (!f->mailbox.is_wanted(Clock::now())) std::this_thread::yield();
  const TimePoint began = Clock::now();
  f.reset();
  CHECK(Clock::now() - began < Port::kWait);
  CHECK(waiting.receive().status == 503);
}

TEST_CASE("metrics port: there is nothing else, and only for hosts that no outsider can have the name of") {
  Fixture f(nullptr, {"ox.example.com"});
  f.mailbox.put(kSome, Clock::now());
  CHECK(f.get("/").status == 404);
  CHECK(f.get("/metrics/x").status == 404);
  CHECK(test::http(f.number, {.method = "POST", .target = "/metrics"}).status == 405);
  CHECK(f.get("/metrics", {{"Host", "evil.example"}}).status == 421);
  CHECK(f.get("/metrics", {{"Host", "ox.example.com:9464"}}).status == 200);
  CHECK(f.get("/metrics", {{"Host", "10.0.0.5:9464"}}).status == 200);
}

TEST_CASE("metrics port: the guard is asked first, before anybody is told anything") {
  std::atomic<int> asked = 0;
  Fixture f([&](const http::Request& request) -> std::optional<http::Response> {
    ++asked;
    if (request.authorization == "Bearer ox") return std::nullopt;
    return http::Response{401, http::kText, "no", {}};
  });
  CHECK(f.get().status == 401);
  CHECK_FALSE(f.mailbox.is_wanted(Clock::now()));
  f.mailbox.put(kSome, Clock::now());
  CHECK(f.get("/metrics", {{"Authorization", "Bearer ox"}}).status == 200);
  CHECK(asked == 2);
}

TEST_CASE("metrics port: so many connections and no more, and those who send nothing are let go for others") {
  Fixture f;
  f.mailbox.put(kSome, Clock::now());
  std::vector<HttpConnection> open;
  for (std::size_t i = 0; i < Port::kMaxConnections; ++i) {
    open.emplace_back(f.number);
    CHECK(open.back().request({.target = "/metrics"}).status == 200);
  }
  HttpConnection beyond(f.number);
  CHECK(beyond.request({.target = "/metrics"}).status == 503);
  open.front().close();
  const TimePoint until = Clock::now() + 10s;
  int status = 503;
  while (status == 503 && Clock::now() < until) status = f.get().status;
  CHECK(status == 200);
}

TEST_CASE("metrics port: many scrapes at once each get a whole text, while the loop leaves new ones") {
  Fixture f;
  std::string large = kSome;
  for (int i = 0; i < 50'000; ++i) large += "zebu_things{n=\"" + std::to_string(i) + "\"} 1\n";
  f.mailbox.put(large, Clock::now());
  std::atomic<bool> is_done = false;
  std::thread loop([&] {
    while (!is_done) {
      f.mailbox.put(large, Clock::now());
      std::this_thread::sleep_for(1ms);
    }
  });
  std::vector<std::thread> scrapers;
  std::atomic<int> whole = 0;
  for (int i = 0; i < 4; ++i) {
    scrapers.emplace_back([&] {
      for (int round = 0; round < 5; ++round) {
        const HttpReply reply = f.get();
        if (reply.status == 200 && reply.body.starts_with(large)) ++whole;
      }
    });
  }
  for (std::thread& scraper : scrapers) scraper.join();
  is_done = true;
  loop.join();
  CHECK(whole == 20);
}

TEST_CASE("metrics port: an address that is taken is told of") {
  const Fixture f;
  metrics::Mailbox mailbox;
  Port second("ox", options_for("127.0.0.1:" + std::to_string(f.number)), mailbox);
  const auto started = second.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().message.find("127.0.0.1:" + std::to_string(f.number)) != std::string::npos);
}

}  // namespace zebu::scrape
