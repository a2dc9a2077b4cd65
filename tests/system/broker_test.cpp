#include "tests/support/catch.h"
#include "tests/support/lone_broker.h"
#include "tests/support/paths.h"
#include "tests/support/peer.h"
#include "tests/support/process.h"
#include "tests/support/stack.h"
#include "tests/support/tcp.h"

#include <sys/resource.h>

#include <csignal>
#include <random>

using namespace zebu;
using namespace zebu::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// One job goes all the way: the broker serves. In a queue of its own, because garbage may hold a job for "default".
void check_serves(const LoneBroker& broker) {
  Peer consumer(broker.consumers);
  consumer.hello_consumer(1, Uuid::make(), {}, "served");
  Peer client(broker.clients);
  client.hello_client();
  const JobId id = client.submit("served");
  const auto assigned = consumer.receive();
  REQUIRE(assigned->as<message::Assign>().jobs.size() == 1);
  CHECK(assigned->as<message::Assign>().jobs[0].id == id);
  consumer.send(message::OutcomeReport{0, {{id, 1, JobState::succeeded, Bytes("\x08", 1), {}, {}}}});
  consumer.send(message::Drain{});  // who leaves is told at once that its outcomes are kept
  CHECK(consumer.receive_kept() == 1);
  // DONE answers a SUBMIT as well, unless it takes long.
  auto received = client.receive();
  if (const auto* accepted = std::get_if<message::Accepted>(&received->message)) {
    CHECK(accepted->ids == std::vector<JobId>{id});
    received = client.receive();
  }
  const auto& done = received->as<message::Done>();
  REQUIRE(done.jobs.size() == 1);
  CHECK(done.jobs[0].id == id);
  CHECK(done.jobs[0].result == Bytes("\x08", 1));
  consumer.send(message::Bye{});
}

}  // namespace

TEST_CASE("the broker takes a job, gives it to a consumer and tells the client") {
  const LoneBroker broker;
  check_serves(broker);
}

TEST_CASE("SIGTERM stops the broker with exit code 0") {
  LoneBroker broker;
  check_serves(broker);
  broker.process.signal(SIGTERM);
  CHECK(broker.process.wait_exit() == ExitStatus{0, std::nullopt});
}

TEST_CASE("an endpoint in use is a clear error") {
  const LoneBroker broker;
  const Finished second = run({.command = {program("zebu-broker"), "--clients", broker.clients, "--consumers",
                                           "tcp://127.0.0.1:*", "--store", "memory"}});
  CHECK(second.exit.code == 1);
  CHECK(second.err.find("cannot listen on '" + broker.clients + "': Address already in use") != std::string::npos);
}

TEST_CASE("a consumer that falls silent is lost within its liveness, and its job runs elsewhere") {
  const LoneBroker broker({"--liveness", "300ms"});
  Peer silent(broker.consumers);
  silent.hello_consumer(1);
  Peer client(broker.clients);
  client.hello_client();
  const JobId id = client.submit();
  CHECK(silent.receive()->as<message::Assign>().jobs[0].attempt == 1);
  Peer other(broker.consumers);
  other.hello_consumer(1);
  std::unique_ptr<Heard> heard;
  REQUIRE(eventually([&] {
    other.send(message::Beat{});
    try {
      heard = other.receive(milliseconds(20));
    } catch (const std::runtime_error&) {
      return false;
    }
    return true;
  }));
  CHECK(heard->as<message::Assign>().jobs[0].id == id);
  CHECK(heard->as<message::Assign>().jobs[0].attempt == 2);
  silent.send(message::OutcomeReport{0, {{id, 1, JobState::succeeded, Bytes("\x08", 1), {}, {}}}});
  CHECK(silent.receive_error() == ErrorCode::no_session);
}

TEST_CASE("a consumer that comes back with a job that is not its own is welcomed, then told to stop it") {
  const LoneBroker broker;
  Peer consumer(broker.consumers);
  const AttemptId lost{Uuid::make(), 3};
  consumer.hello_consumer(0, Uuid::make(), {lost});
  CHECK(consumer.receive()->as<message::Stop>().jobs == std::vector<AttemptId>{lost});
}

TEST_CASE("a peer that breaks the protocol is told what was wrong, and goes on") {
  const LoneBroker broker;
  Peer client(broker.clients);
  client.send(message::Wait{});
  CHECK(client.receive_error() == ErrorCode::no_session);
  message::Hello wrong;
  wrong.major = 9;
  wrong.name = "future";
  client.send(wrong);
  CHECK(client.receive_error() == ErrorCode::version);
  wrong.major = message::kMajor;
  wrong.role = message::Role::consumer;
  wrong.consumer = {{"default"}, 1, {}, message::pool::kThreads, {}};
  client.send(wrong);
  CHECK(client.receive_error() == ErrorCode::wrong_role);
  client.hello_client();
  client.send(message::Credit{1});
  CHECK(client.receive_error() == ErrorCode::wrong_role);
  client.send(message::Done{});
  CHECK(client.receive_error() == ErrorCode::bad_message);
  client.send_raw("what is this?");
  CHECK(client.receive_error() == ErrorCode::bad_message);
  client.send(message::Query{1, "weather", {}});
  CHECK(refusal_in(client.receive()->as<message::Answer>().value)->code == ErrorCode::bad_request);
  client.submit();
  CHECK(client.receive()->as<message::Accepted>().ids.size() == 1);
}

TEST_CASE("a message of the largest size passes, a larger one costs its sender the connection alone") {
  const LoneBroker broker({"--max-message", "100000"});
  Peer client(broker.clients);
  client.hello_client();
  client.send_raw(std::string(100'001, '\xc0'));
  Peer other(broker.clients);
  other.hello_client();
  const std::string args(90'000, '\xc0');
  const JobId id = Uuid::make();
  other.send(message::Submit{false, {{id, "fib", "default", args, {}}}});
  CHECK(other.receive()->as<message::Accepted>().ids == std::vector<JobId>{id});
}

TEST_CASE("garbage into every port crashes nothing, and others are served") {
  LoneBroker broker;
  std::mt19937 random(7);
  const auto bytes = [&](std::size_t count) {
    std::string text(count, '\0');
    for (char& c : text) c = static_cast<char>(random());
    return text;
  };
  for (const std::string& endpoint : {broker.clients, broker.consumers}) {
    const std::uint16_t port = port_of(endpoint);
    // Not even ZeroMQ: random bytes, cut greetings, another protocol.
    const std::string greeting = std::string("\xff\0\0\0\0\0\0\0\x01\x7f\x03", 11);
    for (int i = 0; i < 50; ++i) TcpConnection(port).send(bytes(random() % 2000));
    for (std::size_t cut = 1; cut <= greeting.size(); ++cut) TcpConnection(port).send(greeting.substr(0, cut));
    TcpConnection(port).send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    TcpConnection(port).send(greeting + bytes(500));

    // ZeroMQ, but no message of ours: random frames, every golden frame with one byte changed, and cut short.
    Peer peer(endpoint);
    for (int i = 0; i < 500; ++i) peer.send_raw(bytes(random() % 300));
    for (const auto& frame : golden_frames()) {
      for (std::size_t i = 0; i < frame.size(); ++i) {
        std::string changed = frame;
        changed[i] = static_cast<char>(random());
        peer.send_raw(std::move(changed));
        peer.send_raw(frame.substr(0, i));
      }
    }
    peer.send_raw("\xdd\xff\xff\xff\xff");
    peer.send_raw("\x92\x13\xc6\xff\xff\xff\xff");
  }
  CHECK(broker.process.is_running());
  check_serves(broker);
}

TEST_CASE("thousands of idle connections leave room for the others") {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  // 10,000 where the system allows so many descriptors, in two ports.
  const std::size_t count = std::min<std::size_t>(5'000, (limit.rlim_cur - 200) / 2);
  LoneBroker broker;
  const std::size_t before = resident_bytes(broker.process.pid());
  std::vector<TcpConnection> connections;
  for (std::size_t i = 0; i < count; ++i) {
    connections.emplace_back(port_of(broker.clients));
    connections.emplace_back(port_of(broker.consumers));
  }
  check_serves(broker);
  CHECK(resident_bytes(broker.process.pid()) - before < 400U << 20);
  connections.clear();
  check_serves(broker);
}

TEST_CASE("a file that is not a store is refused as a mistake on the command line") {
  for (const char* store : {"postgres:db", "sqlite:", "", "Memory"}) {
    const Finished refused = run({.command = {program("zebu-broker"), "--store", store}});
    INFO(store << ": " << refused.err);
    CHECK(refused.exit.code == 2);
    CHECK(refused.err.find("neither sqlite:PATH nor memory") != std::string::npos);
  }
}

TEST_CASE("the broker serves whether its threads spin or not") {
  for (const char* spin : {"0", "1ms"}) {
    const LoneBroker broker({"--spin", spin});
    check_serves(broker);
  }
  const Finished refused = run({.command = LoneBroker::command({"--spin", "1001us"})});
  CHECK(refused.exit.code == 2);
  CHECK(refused.err.find("--spin") != std::string::npos);
}

TEST_CASE("the memory for unread answers to a flood of messages is bounded") {
  LoneBroker broker;
  const std::size_t before = resident_bytes(broker.process.pid());
  {
    Peer flood(broker.clients);
    for (int i = 0; i < 300'000; ++i) flood.send_raw("\xc0");
    check_serves(broker);
  }
  CHECK(resident_bytes(broker.process.pid()) - before < 200U << 20);
}
