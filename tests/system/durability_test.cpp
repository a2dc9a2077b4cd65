#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/paths.h"
#include "tests/support/stack.h"
#include "tests/support/temp_dir.h"
#include "zebu/client.h"

#include <fstream>

// The disk syncs only once a file is there: what waits for it, and what does not.
namespace zebu::test {
namespace {

using namespace std::chrono_literals;

// The sanitizers' run times want to be loaded before all else, and would rather not start than come second.
std::map<std::string, std::string> with_slow_disk(const std::filesystem::path& gate) {
  std::map<std::string, std::string> environment{{"LD_PRELOAD", program("slow_disk.so")}, {"ZEBU_SYNC_WHEN", gate}};
  const char* options = std::getenv("ASAN_OPTIONS");
  environment["ASAN_OPTIONS"] = std::string(options == nullptr ? "" : options) + ":verify_asan_link_order=0";
  return environment;
}

// A broker whose disk the test opens and closes, and one consumer.
struct GatedStack {
  TempDir folder;
  std::filesystem::path gate = folder.path() / "gate";
  std::optional<Process> broker;
  std::optional<Process> consumer;
  std::unique_ptr<Client> client;

  GatedStack() {
    open_gate();
    ProcessOptions options;
    options.command = {program("zebu-broker"),
                       "--clients",
                       "tcp://127.0.0.1:*",
                       "--consumers",
                       "tcp://127.0.0.1:*",
                       "--store",
                       "sqlite:" + (folder.path() / "zebu.db").string()};
    options.environment = with_slow_disk(gate);
    broker.emplace(options);
    const std::string line = broker->wait_for_line("zebu-broker ready");
    consumer.emplace(std::vector<std::string>{program("zebu-consumer"), "--broker", ready_field(line, "consumers")});
    consumer->wait_for_line("zebu-consumer ready");
    ClientOptions to;
    to.broker = ready_field(line, "clients");
    client = Client::connect(to).value();
  }
  ~GatedStack() { open_gate(); }

  void open_gate() const { std::ofstream(gate).flush(); }
  void close_gate() const { std::filesystem::remove(gate); }

  JobHandle echo(bool transient) const {
    JobRequest request{"echo", pack_args(1), std::string(kDefaultQueue), {}};
    request.options.transient = transient;
    return client->submit(std::move(request));
  }
};

}  // namespace

TEST_CASE("while the disk does not sync, transient jobs run, and no durable one is accepted before it does") {
  const GatedStack stack;
  REQUIRE(stack.echo(false).value(10s));

  stack.close_gate();
  const JobHandle durable = stack.echo(false);
  for (int i = 0; i < 100; ++i) REQUIRE(stack.echo(true).value(10s));
  CHECK(durable.accepted(50ms).error().code == ErrorCode::timed_out);

  stack.open_gate();
  CHECK(durable.accepted(10s));
  CHECK(durable.value(10s));
}

TEST_CASE("an outcome is not told before the disk has it") {
  const GatedStack stack;
  JobRequest request{"sleep", pack_args(300), std::string(kDefaultQueue), {}};
  const JobHandle job = stack.client->submit(std::move(request));
  REQUIRE(job.accepted(10s));

  stack.close_gate();
  CHECK(job.outcome(600ms).error().code == ErrorCode::timed_out);
  REQUIRE(stack.echo(true).value(10s));
  CHECK(job.outcome(0ms).error().code == ErrorCode::timed_out);

  stack.open_gate();
  CHECK(job.value(10s));
}

}  // namespace zebu::test
