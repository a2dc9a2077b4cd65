#include "tests/support/catch.h"
#include "tests/support/lone_broker.h"
#include "tests/support/peer.h"
#include "zebu/client.h"

#include <nlohmann/json.hpp>

#include <csignal>

// stderr is a pipe of one page, and nobody reads it.
using namespace std::chrono_literals;
using namespace zebu::test;
using zebu::pack_args;

namespace {

constexpr std::uint32_t kKiB = 10 * 1024;

struct Shouting {
  explicit Shouting(const std::vector<std::string>& more = {})
      : consumer(ProcessOptions{.command = command(more), .reads_errors = false}) {
    consumer.wait_for_line("zebu-consumer ready");
    zebu::ClientOptions options;
    options.broker = broker.clients;
    client = std::move(*zebu::Client::connect(options));
  }
  std::vector<std::string> command(const std::vector<std::string>& more) const {
    std::vector<std::string> all = {program("zebu-consumer"), "--broker", broker.consumers,
                                    "--test-tasks",           "--slots",  "2"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  // The attempt in which it ended.
  std::uint32_t shout() const {
    const auto attempt = client->submit<std::uint32_t>("shout", kKiB).result(scaled(60s));
    if (!attempt) FAIL(attempt.error().message);
    return *attempt;
  }

  LoneBroker broker;
  Process consumer;
  std::unique_ptr<zebu::Client> client;
};

}  // namespace

TEST_CASE("a consumer whose stderr nobody reads keeps beating while a task prints 10 MB, and leaves on SIGTERM") {
  Shouting yard;
  CHECK(yard.shout() == 1);
  const auto broker = yard.client->query("broker", {}, scaled(10s));
  REQUIRE(broker);
  CHECK(nlohmann::json::from_msgpack(*broker)["totals"]["lost_sessions"] == 0);
  CHECK(yard.consumer.is_running());
  yard.consumer.signal(SIGTERM);
  CHECK(yard.consumer.wait_exit().code == 0);
}

TEST_CASE("what nobody read is dropped, and the log says how many lines once there is room") {
  const bool is_json = GENERATE(false, true);
  Shouting yard(is_json ? std::vector<std::string>{"--log-format", "json"} : std::vector<std::string>{});
  CHECK(yard.shout() == 1);
  yard.consumer.read_errors();
  const std::string line = yard.consumer.wait_for_error_line("nobody reads the log");
  CHECK(line.find(is_json ? "lines_dropped" : "zebu-consumer[") != std::string::npos);
  CHECK(line.find(" lines were dropped: ") != std::string::npos);
  // What comes then is read.
  yard.consumer.signal(SIGTERM);
  yard.consumer.wait_for_error_line("draining");
  CHECK(yard.consumer.wait_exit().code == 0);
}

TEST_CASE("tasks that print without end do not hold up the jobs beside them") {
  Shouting yard;
  const auto endless = yard.client->submit("shout", 0xffff'ffffU / 16);
  for (int i = 0; i < 20; ++i) {
    const auto echoed = yard.client->submit<int>("echo", i).result(scaled(20s));
    if (!echoed) FAIL(echoed.error().message);
  }
  endless.cancel();
  CHECK(endless.outcome(scaled(20s)).value().state == zebu::JobState::cancelled);
}

TEST_CASE("a broker whose stderr nobody reads goes on, and stops on SIGTERM") {
  Process process(ProcessOptions{.command = LoneBroker::command({"--log-level", "debug"}), .reads_errors = false});
  const std::string ready = process.wait_for_line("zebu-broker ready");
  Peer peer(ready_field(ready, "clients"));
  // Each is a line in the log.
  for (int i = 0; i < 2000; ++i) peer.send_raw("this is no message");
  for (int i = 0; i < 2000; ++i) {
    REQUIRE(peer.receive(10s)->as<zebu::message::ErrorReport>().code == zebu::ErrorCode::bad_message);
  }
  process.signal(SIGTERM);
  CHECK(process.wait_exit().code == 0);
}
