#include "broker/store/sqlite/file_layer.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/paths.h"
#include "tests/support/stack.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"
#include "zebu/client.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <csignal>

// Arguments and results that a broker stores in pieces.
namespace zebu::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLarge = 12U << 20;

// A broker with a disk on which each sync takes some time, so that a large value takes many commits.
struct SlowStack {
  TempDir folder;
  std::string path = folder.path() / "zebu.db";
  std::optional<Process> broker;
  std::optional<Process> consumer;
  std::string clients = "tcp://127.0.0.1:*";
  std::string consumers = "tcp://127.0.0.1:*";

  void start_broker() {
    ProcessOptions options;
    options.command = {program("zebu-broker"), "--clients", clients, "--consumers", consumers, "--store",
                       "sqlite:" + path};
    const char* asan = std::getenv("ASAN_OPTIONS");
    options.environment = {{"LD_PRELOAD", program("slow_disk.so")},
                           {"ZEBU_SYNC_MS", "20"},
                           {"ASAN_OPTIONS", std::string(asan == nullptr ? "" : asan) + ":verify_asan_link_order=0"}};
    broker.emplace(options);
    const std::string line = broker->wait_for_line("zebu-broker ready");
    clients = ready_field(line, "clients");
    consumers = ready_field(line, "consumers");
  }
  void start_consumer() {
    consumer.emplace(std::vector<std::string>{program("zebu-consumer"), "--broker", consumers});
    consumer->wait_for_line("zebu-consumer ready");
  }
  std::unique_ptr<Client> client() const {
    ClientOptions to;
    to.broker = clients;
    return Client::connect(to).value();
  }
  std::int64_t count(const std::string& table) const {
    SQLite::Database database(path, SQLite::OPEN_READWRITE, 5000, broker::file_layer(""));
    return database.execAndGet("SELECT count(*) FROM " + table).getInt64();
  }
  Finished check() const { return run({.command = {program("zebu-broker"), "check", "--store", "sqlite:" + path}}); }
};

JobRequest echo(const std::string& value) { return {"echo", pack_args(value), std::string(kDefaultQueue), {}}; }

}  // namespace

TEST_CASE("a broker that is killed between the pieces of a value has no pieces left, and all that it accepted") {
  SlowStack stack;
  stack.start_broker();
  {
    const auto client = stack.client();
    const JobHandle before = client->submit(echo(std::string(kLarge, 'b')));
    REQUIRE(before.accepted(20s));
    const auto pieces = stack.count("piece");
    const JobHandle large = client->submit(echo(std::string(kLarge, 'l')));
    REQUIRE(eventually([&] { return stack.count("piece") >= pieces + 3; }));
    const JobHandle small = client->submit(echo("small"));
    REQUIRE(small.accepted(20s));
    CHECK(large.accepted(0ms).error().code == ErrorCode::timed_out);
    stack.broker->signal(SIGKILL);
    stack.broker->wait_exit();
  }
  CHECK(stack.count("loose_value") == 1);
  stack.start_broker();
  CHECK(stack.count("loose_value") == 0);
  stack.broker->signal(SIGTERM);
  stack.broker->wait_exit();
  const Finished check = stack.check();
  INFO(check.out << check.err);
  CHECK(check.exit.code == 0);
  CHECK(has(check.out, "is whole: 2 jobs, 1 large values"));

  stack.start_broker();
  stack.start_consumer();
  const auto client = stack.client();
  const JobHandle again = client->submit(echo(std::string(kLarge, 'x')));
  const auto value = again.value(60s);
  REQUIRE(value);
  CHECK(value->size() > kLarge);
}

TEST_CASE("a client that comes back has its large job accepted, though the broker was killed between the pieces") {
  SlowStack stack;
  stack.start_broker();
  const auto client = stack.client();
  const JobHandle large = client->submit(echo(std::string(kLarge, 'l')));
  REQUIRE(eventually([&] { return stack.count("piece") >= 3; }));
  stack.broker->signal(SIGKILL);
  stack.broker->wait_exit();
  stack.start_broker();
  stack.start_consumer();
  REQUIRE(large.accepted(60s));
  const auto value = large.value(60s);
  REQUIRE(value);
  CHECK(value->size() > kLarge);
}

}  // namespace zebu::test
