#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/http_jobs.h"
#include "tests/support/log_lines.h"
#include "tests/support/paths.h"
#include "tests/support/stack.h"

#include <nlohmann/json.hpp>

#include <csignal>
#include <future>

// What comes in at the front end's door, and when it closes.
using namespace zebu::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

using Clock = std::chrono::steady_clock;

std::string sized_post(const std::string& prefer, const std::string& body) {
  return "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + prefer +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("a body with an unknown end is refused, and nothing of it is served") {
  const Stack stack({.consumers = 0});
  for (const char* coding : {"identity", "gzip", "xchunked", "gzip, chunked"}) {
    INFO(coding);
    HttpConnection client(stack.http_port());
    client.send("POST /v1/jobs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + std::string(coding) +
                "\r\n\r\nGET /fast HTTP/1.1\r\nHost: x\r\n\r\n");
    const int status = client.receive().status;
    CHECK((status == 400 || status == 501));
    CHECK(client.closes());
  }
}

TEST_CASE("requests of strangers and of strange shapes get the status that says so") {
  const Stack stack({.consumers = 0, .webfront = {"--allowed-hosts", "a.example,jobs.example"}});
  const auto status = [&](const std::string& head) {
    HttpConnection client(stack.http_port());
    client.send(head + "\r\n\r\n");
    return client.receive().status;
  };
  CHECK(status("GET /fast HTTP/1.1\r\nHost: evil.example") == 421);
  CHECK(status("GET /fast HTTP/1.1\r\nHost: jobs.example") == 200);
  CHECK(status("GET /fast HTTP/1.1\r\nHost: localhost:8080") == 200);
  CHECK(status("POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site") == 403);
  CHECK(status("GET /fast HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site") == 200);
  CHECK(status("BREW /fast HTTP/1.1\r\nHost: localhost") == 501);
  CHECK(status("GET /1/2/3/4/5/6/7/8/9 HTTP/1.1\r\nHost: localhost") == 404);
  CHECK(status("GET /fa st HTTP/1.1\r\nHost: localhost") == 400);
  CHECK(status("GET /fast HTTP/1.2\r\nHost: localhost") == 200);
  CHECK(status("\r\nGET /fast HTTP/1.1\r\nHost: localhost") == 200);
  CHECK(status("GET /fast HTTP/1.1\r\nHost: localhost\r\nHost: localhost") == 400);
}

TEST_CASE("a preference in a line of its own is seen") {
  const Stack stack(two_slots());
  HttpConnection client(stack.http_port());
  client.send(sized_post("Prefer: respond-async\r\nPrefer: wait=10\r\n", R"({"task": "echo", "args": [1]})"));
  const HttpReply reply = client.receive();
  CHECK(reply.status == 200);
  CHECK(reply.header("preference-applied") == "wait=10");
}

TEST_CASE("the wait bounds the answer when the broker stands still, and the id says where to look") {
  Stack stack(two_slots());
  stack.broker().signal(SIGSTOP);
  const auto asked = Clock::now();
  const HttpReply reply = stack.post("/v1/jobs", R"({"task": "echo", "args": [1]})", {{"Prefer", "wait=1"}});
  const auto took = Clock::now() - asked;
  stack.broker().signal(SIGCONT);
  CHECK(reply.status == 504);
  CHECK(problem_of(reply) == "unconfirmed");
  CHECK(reply.has("retry-after"));
  CHECK(took < scaled(2900ms));  // before the broker's silence is noticed
  const std::string id = Json::parse(reply.body)["id"];
  CHECK(reply.header("location") == "/v1/jobs/" + id);
  CHECK(eventually([&] { return stack.get("/v1/jobs/" + id + "?wait=10").status == 200; }));
}

TEST_CASE("a wait for a job that was submitted before is bounded too, and ends with what is known") {
  Stack stack(two_slots());
  const std::string location = stack.post("/v1/jobs", kSleep).header("location");
  auto waiting = std::async(std::launch::async, [&] { return stack.get(location + "?wait=2"); });
  // The front end asks for the job before it waits. That it waits cannot be seen from outside.
  CHECK(stack.get(location).status == 200);
  const HttpReply done = waiting.get();
  CHECK(done.status == 200);
  stack.broker().signal(SIGSTOP);
  const auto asked = Clock::now();
  CHECK(stack.get(location + "?wait=1").status == 503);
  CHECK(Clock::now() - asked < scaled(2900ms));
  stack.broker().signal(SIGCONT);
}

TEST_CASE("a client that closes its sending side gets the answer of its job") {
  Stack stack(two_slots());
  HttpConnection client(stack.http_port());
  client.send(sized_post("Prefer: wait=30\r\n", R"({"task": "sleep", "args": [300], "transient": true})"));
  client.finish_sending();
  HttpReply reply = client.receive(20s);
  if (reply.status == 100) reply = client.receive(20s);  // on a slow machine it is asked first whether it still reads
  CHECK(reply.status == 200);
  CHECK(Json::parse(reply.body)["result"] == 300);
}

TEST_CASE("the health of a front end at its limit of connections is told") {
  const Stack stack({.consumers = 0, .webfront = {"--max-connections", "2"}});
  HttpConnection first(stack.http_port());
  HttpConnection second(stack.http_port());
  for (HttpConnection* client : {&first, &second}) CHECK(client->request({.target = "/fast"}).status == 200);
  CHECK(stack.get("/fast").status == 503);
  CHECK(stack.get("/healthz").status == 200);
  const std::string address = "127.0.0.1:" + std::to_string(stack.http_port());
  CHECK(run({.command = {program("zebu-webfront"), "--listen", address, "--check"}}).exit.code == 0);
}

TEST_CASE("a front end on all addresses, or on one of IPv6, is healthy") {
  for (const std::string listen : {"*:0", "[::1]:0"}) {
    INFO(listen);
    Process front({program("zebu-webfront"), "--listen", listen, "--no-auth"});
    const std::string address = ready_field(front.wait_for_line("zebu-webfront ready"), "http");
    const std::string port = address.substr(address.rfind(':') + 1);
    const std::string at = listen.substr(0, listen.size() - 1) + port;
    CHECK(run({.command = {program("zebu-webfront"), "--listen", at, "--check"}}).exit.code == 0);
    HttpConnection v6(static_cast<std::uint16_t>(std::stoi(port)), "::1");
    CHECK(v6.request({.target = "/fast"}).status == 200);
  }
}

// A sanitizer makes so many bytes so slow that the time runs out before they have come.
#ifndef ZEBU_SANITIZED
TEST_CASE("a front end whose broker stands still refuses what it cannot keep, and logs that once") {
  StackOptions options = two_slots();
  options.webfront = {"--log-format", "json"};
  options.broker = {"--liveness", "60s"};
  Stack stack(options);
  const std::string instance = logged(stack.webfront(), "broker_connected").at("instance");
  stack.broker().signal(SIGSTOP);
  const std::string large = R"({"task": "echo", "args": [")" + std::string(1'000'000, 'x') + R"("]})";
  std::vector<HttpConnection> clients;
  for (int i = 0; i < 80; ++i) {
    clients.emplace_back(stack.http_port());
    clients.back().send(sized_post("", large));
  }
  const Json began = logged(stack.webfront(), "refusals_began", {{"code", "client_full"}});
  CHECK(began.at("instance") == instance);
  stack.broker().signal(SIGCONT);
  std::map<int, int> statuses;
  for (HttpConnection& client : clients) ++statuses[client.receive(60s).status];
  CHECK(statuses[202] >= 60);
  CHECK(statuses[503] >= 1);
  CHECK(statuses[202] + statuses[503] == 80);
  CHECK(logged(stack.webfront(), "refusals_ended", {{"code", "client_full"}}).at("count") == statuses[503]);
}
#endif

TEST_CASE("told to stop, the front end is first not ready, and then takes no more connections") {
  Stack stack({.consumer = {}, .webfront = {"--drain-delay", "3s"}});
  HttpConnection kept(stack.http_port());
  CHECK(kept.request({.target = "/readyz"}).status == 200);
  stack.webfront().signal(SIGTERM);
  HttpReply reply;
  CHECK(eventually([&] { return (reply = kept.request({.target = "/readyz"})).status == 503; }));
  CHECK(problem_of(reply) == "stopping");
  CHECK(reply.has("retry-after"));
  CHECK(stack.get("/fast").status == 200);  // on a new connection
  CHECK(kept.closes());
  CHECK_THROWS(stack.get("/fast"));
  CHECK(stack.webfront().wait_exit().code == 0);
}

TEST_CASE("requests that outlast the grace time get an answer: the job's location, or that the front end stops") {
  StackOptions options = two_slots();
  options.webfront = {"--grace", "300ms", "--drain-delay", "0s"};
  Stack stack(options);
  HttpConnection job(stack.http_port());
  job.send(sized_post("Prefer: wait=60\r\n", kSleep));
  HttpConnection work(stack.http_port());
  work.send("GET /fib/70 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  REQUIRE(eventually([&] { return running(stack) == 2; }));
  HttpConnection look(stack.http_port());
  stack.webfront().signal(SIGTERM);
  const HttpReply accepted = job.receive();
  CHECK(accepted.status == 202);
  CHECK(accepted.header("connection") == "close");
  CHECK(accepted.header("location") == "/v1/jobs/" + Json::parse(accepted.body)["id"].get<std::string>());
  CHECK(Json::parse(accepted.body)["state"] == "running");
  const HttpReply stopping = work.receive();
  CHECK(stopping.status == 503);
  CHECK(problem_of(stopping) == "stopping");
  job.close();
  work.close();
  CHECK(stack.webfront().wait_exit().code == 0);
}
