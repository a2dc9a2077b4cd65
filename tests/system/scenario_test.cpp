#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/http.h"
#include "tests/support/stack.h"
#include "tests/support/tcp.h"
#include "zebu/client.h"

#include <csignal>
#include <random>
#include <set>
#include <sstream>

using namespace std::chrono_literals;
using namespace zebu::test;
using zebu::JobState;

TEST_CASE("twenty fast requests behind three slow ones are all answered first, asked by curl") {
  Stack stack({.consumers = 2, .consumer = {"--slots", "2"}});
  const std::string base = "http://127.0.0.1:" + std::to_string(stack.http_port());
  std::vector<std::string> command = {
      "curl",           "--silent", "--fail",      "--parallel",        "--parallel-immediate",
      "--parallel-max", "30",       "--write-out", "%{url_effective}\n"};
  const auto ask = [&](const std::string& target) {
    command.insert(command.end(), {"--output", "/dev/null", base + target});
  };
  for (int i = 0; i < 3; ++i) ask("/slow?id=" + std::to_string(i));
  for (int i = 0; i < 20; ++i) ask("/fast?id=" + std::to_string(i));
  const Finished curl = run({.command = command}, 60s);
  REQUIRE(curl.exit.code == 0);
  std::istringstream lines(curl.out);
  std::vector<std::string> order;
  for (std::string line; std::getline(lines, line);) order.push_back(line);
  REQUIRE(order.size() == 23);
  for (std::size_t i = 0; i < 20; ++i) CHECK(order[i].find("/fast") != std::string::npos);
  for (std::size_t i = 20; i < 23; ++i) CHECK(order[i].find("/slow") != std::string::npos);
}

TEST_CASE("a hundred jobs of a consumer that is killed all end elsewhere, each with one outcome") {
  Stack stack({.broker = {"--liveness", "1s"}, .consumers = 0, .with_webfront = false});
  zebu::ClientOptions options;
  options.broker = stack.clients();
  const auto client = std::move(*zebu::Client::connect(options));
  stack.add_consumer({"--slots", "100", "--pool", "threads"});
  // Long enough that none has ended when the consumer dies.
  std::vector<zebu::Job<int>> jobs;
  for (int i = 0; i < 100; ++i) jobs.push_back(client->submit<int>("sleep", 1000));
  REQUIRE(eventually([&] {
    const auto queues = client->query("queues", {}, 5s);
    return queues && queues->find("\xa7running\x64") != std::string::npos;  // 100
  }));
  stack.consumer(0).signal(SIGKILL);
  // Any of them may have brought it down, so each consumer has one of them at a time.
  for (int i = 0; i < 5; ++i) stack.add_consumer({"--slots", "20", "--pool", "threads"});
  for (const auto& job : jobs) {
    const auto result = job.result(scaled(20s));
    REQUIRE(result);
    CHECK(*result == 1000);
  }
  const Finished ping = stack.produce({"--output", "json", "ping"});
  CHECK(ping.out.find("\"succeeded\":100") != std::string::npos);
  CHECK(ping.out.find("\"stale_outcomes\":0") != std::string::npos);
  CHECK(ping.out.find("\"put_back\":100") != std::string::npos);
}

TEST_CASE("garbage into the HTTP port crashes nothing, and others are served") {
  Stack stack;
  std::mt19937 random(11);
  for (int i = 0; i < 200; ++i) {
    std::string bytes(random() % 3000, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    TcpConnection(stack.http_port()).send(bytes);
  }
  const std::string request =
      "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"task\": "
      "\"echo\"}";
  for (std::size_t cut = 0; cut < request.size(); ++cut) TcpConnection(stack.http_port()).send(request.substr(0, cut));
  for (const auto& frame : golden_frames()) TcpConnection(stack.http_port()).send(frame);
  TcpConnection(stack.http_port()).send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n");
  CHECK(stack.get("/fib/20").body == "6765");
  CHECK(stack.webfront().is_running());
}
