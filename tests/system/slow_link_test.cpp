#include "tests/support/slow_link.h"

#include "tests/support/catch.h"
#include "tests/support/client.h"
#include "tests/support/lone_broker.h"
#include "tests/support/peer.h"
#include "zebu/client.h"
#include "zebu/convert.h"

#include <nlohmann/json.hpp>

#include <atomic>
#include <csignal>
#include <sstream>
#include <thread>

// Large messages, and links over which they take long.
using namespace zebu;
using namespace zebu::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

constexpr const char* kLinkLiveness = "1s";

Process consumer_at(const std::string& broker, std::vector<std::string> more = {"--slots", "2"}) {
  std::vector<std::string> command = {program("zebu-consumer"), "--broker", broker, "--test-tasks"};
  command.insert(command.end(), more.begin(), more.end());
  Process consumer(std::move(command));
  static_cast<void>(consumer.wait_for_line("zebu-consumer ready"));
  return consumer;
}

// The producer's answer, a line each.
Json asked(const std::string& broker, std::vector<std::string> question) {
  std::vector<std::string> command = {program("zebu-producer"), "--broker", broker, "--output", "json"};
  command.insert(command.end(), question.begin(), question.end());
  const Finished finished = run(ProcessOptions{.command = std::move(command)});
  INFO(finished.err);
  REQUIRE(finished.exit.code == 0);
  Json all = Json::array();
  std::istringstream lines(finished.out);
  for (std::string line; std::getline(lines, line);) all.push_back(Json::parse(line));
  return all;
}

// What a value of this size looks like as an argument of echo.
std::string text_of(std::size_t size) {
  std::string text(size, '.');
  for (std::size_t i = 0; i < size; i += 7) text[i] = static_cast<char>('a' + i % 26);
  return text;
}

// Runs echo with a large value, and meanwhile one small job after the other; returns how many of those ended.
int echo_beside_others(Client& from, Client& neighbour, std::size_t size) {
  const std::string text = text_of(size);
  std::atomic<bool> is_done = false;
  std::atomic<bool> is_right = false;
  const auto job = from.submit<std::string>("echo", text);
  std::thread waiter([&] {
    const auto result = job.result(scaled(80s));
    is_right = result && *result == text;
    is_done = true;
  });
  int small = 0;
  for (; !is_done; ++small) {
    const auto result = neighbour.submit<std::uint64_t>("fib", 10).result(scaled(20s));
    if (!result || *result != 55) break;
  }
  waiter.join();
  CHECK(is_right);
  return small;
}

}  // namespace

TEST_CASE("a large job over slow links arrives at its first attempt, and its neighbours' jobs pass it") {
  const LoneBroker broker({"--liveness", kLinkLiveness});
  SlowLink client_link(broker.clients, {1'000'000, 5ms});
  SlowLink consumer_link(broker.consumers, {1'000'000, 5ms});
  const Process consumer = consumer_at(consumer_link.endpoint());
  const auto far = connected(client_link.endpoint());
  const auto near = connected(broker.clients);
  // Each hop takes two seconds, twice the liveness.
  const int small = echo_beside_others(*far, *near, 2'000'000);
  CHECK(small > 3);
  for (const Json& job : asked(broker.clients, {"list"})) {
    CHECK(job["attempt"] == 1);
    CHECK(job["losses"] == 0);
  }
  CHECK(client_link.passed() > 4'000'000);
  CHECK(consumer_link.passed() > 4'000'000);
}

TEST_CASE("the slowest link that works: 64 KiB/s") {
  const LoneBroker broker({"--liveness", kLinkLiveness});
  SlowLink link(broker.consumers, {64U << 10, 0ms});
  const Process consumer = consumer_at(link.endpoint());
  const auto client = connected(broker.clients);
  const int small = echo_beside_others(*client, *client, 150'000);
  CHECK(small >= 1);
  for (const Json& job : asked(broker.clients, {"list"})) {
    CHECK(job["attempt"] == 1);
    CHECK(job["losses"] == 0);
  }
}

TEST_CASE("a large job that is still on its way can be cancelled") {
  const LoneBroker broker({"--liveness", kLinkLiveness});
  SlowLink link(broker.clients, {400'000, 0ms});
  const Process consumer = consumer_at(broker.consumers);
  const auto far = connected(link.endpoint());
  REQUIRE(far->wait_connected(scaled(5s)));
  const auto job = far->submit<std::string>("echo", text_of(500'000));
  REQUIRE(eventually([&] { return link.passed() > 100'000; }));
  job.cancel();
  const auto result = job.result(scaled(20s));
  // The broker hears of both at once; a fast consumer may have run it.
  if (!result) CHECK(result.error().code == ErrorCode::job_cancelled);
  CHECK(far->submit<std::uint64_t>("fib", 10).result(scaled(20s)).value() == 55);
}

TEST_CASE("a consumer that stands still with a large result half sent loses only what it held") {
  const LoneBroker broker({"--liveness", kLinkLiveness});
  SlowLink link(broker.consumers, {300'000, 0ms});
  Process slow = consumer_at(link.endpoint(), {"--slots", "1"});
  const auto client = connected(broker.clients);
  const auto job = client->submit<std::string>("echo", text_of(600'000));
  REQUIRE(eventually([&] { return link.passed() > 800'000; }));  // it has come, and the result is on its way
  slow.signal(SIGKILL);
  const Process other = consumer_at(broker.consumers);
  CHECK(job.result(scaled(30s)).value() == text_of(600'000));
  CHECK(asked(broker.clients, {"list"})[0]["losses"] == 1);
}

TEST_CASE("a frame that should have been parts, and a message that nobody may send, get one refusal") {
  const LoneBroker broker({"--max-message", "1000000"});
  Peer client(broker.clients);
  client.hello_client();
  const std::string text = text_of(100'000);
  const message::Submit submit{true, {{Uuid::make(), "echo", "q", text, {}}}};
  client.send_raw(std::string(encode(submit).bytes()));
  const auto heard = client.receive();
  const auto& whole = heard->as<message::ErrorReport>();
  CHECK(whole.code == ErrorCode::bad_message);
  CHECK(whole.message.find("must be sent in parts") != std::string_view::npos);
  client.send(message::Part{1, 0, 1'000'001, "x"});
  const auto next = client.receive();
  CHECK(next->as<message::ErrorReport>().code == ErrorCode::too_large);
  client.send(message::Part{2, 0, 10, encode(message::Hello{}).bytes().substr(0, 5)});
  client.send(message::Ack{1'000'000'000});
  CHECK(client.receive_error() == ErrorCode::bad_message);
  CHECK(client.submit() != JobId{});
}

TEST_CASE("a hundred peers with half a message each leave the broker its memory, and others their turn") {
  const LoneBroker broker({"--liveness", kLinkLiveness, "--max-message", "4000000", "--intake", "8000000"});
  [[maybe_unused]] const std::size_t before = resident_bytes(broker.process.pid());
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 100; ++i) {
    peers.push_back(std::make_unique<Peer>(broker.clients));
    peers.back()->hello_client();
    const std::string half = text_of(60'000);
    for (std::uint64_t offset = 0; offset < 12; ++offset) {
      peers.back()->send(message::Part{1, offset * half.size(), 4'000'000, half});
    }
  }
  const Process consumer = consumer_at(broker.consumers);
  const auto client = connected(broker.clients);
  const std::string text = text_of(1'000'000);
  // The peers have all the room, and send nothing more: it is taken from them within a liveness or two.
  CHECK(client->submit<std::string>("echo", text).result(scaled(30s)).value() == text);
#ifndef ZEBU_SANITIZED  // what was freed stays with a sanitizer for a while
  CHECK(resident_bytes(broker.process.pid()) < before + (100U << 20));
#endif
}
