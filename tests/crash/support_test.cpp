#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/lone_broker.h"
#include "tests/support/slow_link.h"
#include "tests/support/stepped_clock.h"
#include "tests/support/temp_dir.h"
#include "zebu/client.h"

// That what the rounds do to programs does happen to them.
namespace zebu::test {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<Client> connected(const std::string& broker) {
  ClientOptions options;
  options.broker = broker;
  auto client = Client::connect(std::move(options));
  REQUIRE(client);
  REQUIRE((*client)->wait_connected(scaled(5s)));
  return std::move(*client);
}

Result<std::string> ask(Client& client, std::chrono::milliseconds limit) { return client.query("broker", {}, limit); }

#ifndef ZEBU_SANITIZED
TEST_CASE("a clock steps under a running program, forward and back") {
  const TempDir folder;
  SteppedClock clock(folder.path() / "clock");
  Process shell(ProcessOptions{.command = {"bash", "-c",
                                           "begin=$EPOCHSECONDS; echo ready\n"
                                           "until ((EPOCHSECONDS > begin + 80000)); do sleep 0.01; done; echo forward\n"
                                           "until ((EPOCHSECONDS < begin - 80000)); do sleep 0.01; done; echo back\n"},
                               .environment = clock.environment()});
  static_cast<void>(shell.wait_for_line("ready"));
  clock.set(24h);
  CHECK(shell.wait_for_line("forward") == "forward");
  clock.set(-24h);
  CHECK(shell.wait_for_line("back") == "back");
  CHECK(shell.wait_exit().code == 0);
}
#endif

TEST_CASE("over a link that stands still in either direction nothing is answered, and afterwards everything") {
  const LoneBroker broker;
  SlowLink link(broker.clients, {});
  const auto client = connected(link.endpoint());
  REQUIRE(ask(*client, scaled(5s)));
  for (const SlowLink::Ways ways : {SlowLink::Ways{true, false}, {false, true}, {true, true}}) {
    link.stall(ways);
    const auto there = link.passed_there();
    CHECK(ask(*client, 50ms).error().code == ErrorCode::timed_out);
    CHECK((link.passed_there() > there) == !ways.there);
    link.stall({});
    CHECK(ask(*client, scaled(5s)));
  }
}

TEST_CASE("a link that is cut is a broken connection, and serves the next one") {
  const LoneBroker broker;
  SlowLink link(broker.clients, {});
  const auto client = connected(link.endpoint());
  const auto passed = link.passed_there();
  link.cut();
  // Without a reset the client would not introduce itself again, and the question alone is shorter than that.
  CHECK(eventually([&] { return ask(*client, 1s).has_value(); }));
  CHECK(link.passed_there() > passed + 64);
}

}  // namespace
}  // namespace zebu::test
