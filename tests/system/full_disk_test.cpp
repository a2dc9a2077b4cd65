#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/log_lines.h"
#include "tests/support/stack.h"
#include "zebu/client.h"

#include <nlohmann/json.hpp>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <unistd.h>

// A volume that fills up under a broker: consumers work off what it has, and it accepts again by itself.
namespace zebu::test {
namespace {

using namespace std::chrono_literals;

// A file system of its own, where this user may mount one.
class SmallVolume {
 public:
  explicit SmallVolume(const std::string& size) {
    is_there_ = ::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, ("mode=700,size=" + size).c_str()) == 0;
  }
  ~SmallVolume() {
    if (is_there_) ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  SmallVolume(const SmallVolume&) = delete;
  SmallVolume& operator=(const SmallVolume&) = delete;

  [[nodiscard]] bool is_there() const { return is_there_; }
  [[nodiscard]] std::string store() const { return "sqlite:" + (folder_.path() / "zebu.db").string(); }
  [[nodiscard]] std::filesystem::path filler() const { return folder_.path() / "filler"; }
  // Another program takes all that is left.
  void fill() const {
    std::ofstream file(filler(), std::ios::binary | std::ios::app);
    const std::string block(4096, 'x');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) continue;
  }
  void clear() const { std::filesystem::remove(filler()); }

 private:
  TempDir folder_;
  bool is_there_ = false;
};

std::unique_ptr<Client> client_of(const Stack& stack) {
  ClientOptions to;
  to.broker = stack.clients();
  return Client::connect(to).value();
}

JobHandle echo(Client& client, std::size_t bytes, bool transient = false) {
  JobRequest request{"echo", pack_args(std::string(bytes, 'x')), std::string(kDefaultQueue), {}};
  request.options.transient = transient;
  return client.submit(std::move(request));
}

// Large arguments and a small outcome: an error, because fib takes no text.
JobHandle large(Client& client, std::size_t bytes) {
  return client.submit({"fib", pack_args(std::string(bytes, 'x')), std::string(kDefaultQueue), {}});
}

// Submits until a job is refused for want of room. Returns those that were accepted.
std::vector<JobHandle> submit_until_full(Client& client, std::size_t bytes) {
  std::vector<JobHandle> accepted;
  for (int i = 0; i < 10'000; ++i) {
    JobHandle job = large(client, bytes);
    const auto answer = job.accepted(20s);
    if (!answer) {
      CHECK(answer.error().code == ErrorCode::store_full);
      CHECK(answer.error().retry_after > 0ms);
      return accepted;
    }
    accepted.push_back(std::move(job));
  }
  FAIL("10,000 jobs fit");
  return accepted;
}

bool accepts(Client& client) { return echo(client, 100).accepted(5s).has_value(); }

nlohmann::json ping(const Stack& stack) {
  return nlohmann::json::parse(stack.produce({"ping", "--output", "json"}).out);
}

}  // namespace

TEST_CASE("a volume that jobs fill up refuses more of them, is worked off, and accepts again by itself") {
  const SmallVolume volume("32m");
  if (!volume.is_there()) {
    WARN("left out: only root may mount a file system");
    return;
  }
  Stack stack({.broker = {"--store", volume.store(), "--failed-ttl", "1s", "--log-format", "json"},
               .consumers = 0,
               .with_webfront = false});
  const auto client = client_of(stack);
  const std::vector<JobHandle> jobs = submit_until_full(*client, 100'000);
  CHECK(jobs.size() > 50);
  logged(stack.broker(), "store_full");
  CHECK(ping(stack)["store_full"] == true);
  CHECK(stack.produce({"ping"}).out.find("the store is full") != std::string::npos);
  CHECK(echo(*client, 100, true).accepted(5s));

  stack.add_consumer();
  for (const JobHandle& job : jobs) REQUIRE(job.outcome(30s));
  logged(stack.broker(), "store_free", {}, 30s);
  logged(stack.broker(), "jobs_forgotten", {{"queue", "default"}, {"why", "too_old"}});
  CHECK(eventually([&] { return accepts(*client); }, 20s));
  CHECK(ping(stack)["store_full"] == false);
  stack.broker().signal(SIGTERM);
  CHECK(stack.broker().wait_exit().code == 0);
}

TEST_CASE("map waits while the store is full, and goes on when there is room") {
  const SmallVolume volume("32m");
  if (!volume.is_there()) {
    WARN("left out: only root may mount a file system");
    return;
  }
  Stack stack({.broker = {"--store", volume.store(), "--log-format", "json"}, .with_webfront = false});
  volume.fill();
  logged(stack.broker(), "store_full");
  const TempDir folder;
  const std::string input = folder.write("input", "[1]\n[2]\n[3]\n");
  Process map = stack.start_producer({"map", "echo", "--input", input});
  logged(stack.broker(), "refusals_began", {{"code", "store_full"}});
  CHECK(map.is_running());
  volume.clear();
  CHECK(map.wait_exit(30s).code == 0);
  const std::string out = map.out();
  CHECK(std::count(out.begin(), out.end(), '\n') == 3);
}

TEST_CASE("a broker on a volume without a free byte starts, is worked off and purged, and loses nothing") {
  const SmallVolume volume("32m");
  if (!volume.is_there()) {
    WARN("left out: only root may mount a file system");
    return;
  }
  Stack stack({.broker = {"--store", volume.store()}, .consumers = 0, .with_webfront = false});
  std::vector<JobHandle> jobs;
  std::unique_ptr<Client> client = client_of(stack);
  for (int i = 0; i < 300; ++i) jobs.push_back(echo(*client, 100));
  for (const JobHandle& job : jobs) REQUIRE(job.accepted(10s));
  REQUIRE(stack.produce({"submit", "echo", "1", "--queue", "other", "--count", "100"}).exit.code == 0);
  stack.kill_broker();
  volume.fill();

  stack.start_broker();
  CHECK(eventually([&] { return ping(stack)["store_full"] == true; }, 20s));
  CHECK(echo(*client, 100).accepted(20s).error().code == ErrorCode::store_full);
  CHECK(stack.produce({"purge", "other", "--yes"}).exit.code == 0);
  stack.add_consumer();
  for (const JobHandle& job : jobs) REQUIRE(job.value(30s));
  CHECK(stack.broker().is_running());

  volume.clear();
  CHECK(eventually([&] { return accepts(*client); }, 20s));
  CHECK(std::filesystem::exists(volume.filler().parent_path() / "zebu.db.reserve"));
}

TEST_CASE("when even the reserve is used up no further job is started, nothing ends, and then all goes on") {
  const SmallVolume volume("32m");
  if (!volume.is_there()) {
    WARN("left out: only root may mount a file system");
    return;
  }
  Stack stack({.broker = {"--store", volume.store(), "--log-format", "json"}, .consumers = 0, .with_webfront = false});
  const auto client = client_of(stack);
  std::vector<JobHandle> jobs;
  for (int i = 0; i < 60; ++i) jobs.push_back(echo(*client, 60'000));
  for (const JobHandle& job : jobs) REQUIRE(job.accepted(10s));
  volume.fill();
  // Their results are more than the reserve.
  stack.add_consumer();
  REQUIRE(eventually(
      [&] {
        volume.fill();
        return count_events(stack.broker().err(), "store_low") > 0;
      },
      20s));
  CHECK(echo(*client, 100, true).accepted(10s));
  volume.clear();
  for (const JobHandle& job : jobs) REQUIRE(job.value(30s));
  logged(stack.broker(), "store_not_low");
  CHECK(eventually([&] { return accepts(*client); }, 20s));
}

TEST_CASE("a file that may not grow, as with a quota, is waited for, and SIGTERM says what was not done") {
  Stack stack({.broker = {"--log-format", "json"}, .with_webfront = false});
  const auto client = client_of(stack);
  REQUIRE(echo(*client, 100).value(10s));
  rlimit before{};
  REQUIRE(::prlimit(stack.broker().pid(), RLIMIT_FSIZE, nullptr, &before) == 0);
  const rlimit tight{64U << 10, before.rlim_max};
  REQUIRE(::prlimit(stack.broker().pid(), RLIMIT_FSIZE, &tight, nullptr) == 0);
  const JobHandle job = echo(*client, 100'000);
  logged(stack.broker(), "store_waits");
  CHECK(job.accepted(0ms).error().code == ErrorCode::timed_out);
  CHECK(echo(*client, 100, true).value(10s));
  const bool goes_on = GENERATE(true, false);
  if (goes_on) {
    REQUIRE(::prlimit(stack.broker().pid(), RLIMIT_FSIZE, &before, nullptr) == 0);
    CHECK(job.value(20s));
    logged(stack.broker(), "store_goes_on");
    CHECK(eventually([&] { return accepts(*client); }, 20s));
  } else {
    stack.broker().signal(SIGTERM);
    CHECK(stack.broker().wait_exit().code == 74);
    CHECK(stack.broker().err().find("nothing that was acknowledged is lost") != std::string::npos);
  }
}

TEST_CASE("a store that keeps more free than there is refuses durable jobs only: HTTP 507, and ready all the same") {
  Stack stack({.broker = {"--store-reserve", "900TiB"}});
  stack.broker().wait_for_error_line("it is full");
  const HttpReply refused = stack.post("/v1/jobs", R"({"task": "echo", "args": [1]})");
  CHECK(refused.status == 507);
  CHECK(refused.header("retry-after") == "5");
  CHECK(nlohmann::json::parse(refused.body)["type"] == "urn:zebu:problem:store_full");
  const std::string transient = R"({"task": "echo", "args": [1], "transient": true})";
  CHECK(stack.post("/v1/jobs", transient, {{"Prefer", "wait=10"}}).status == 200);
  CHECK(stack.get("/readyz").status == 200);
  const Finished submit = stack.produce({"submit", "echo", "1"});
  CHECK(submit.exit.code == 1);
  CHECK(submit.err.find("no room for new durable jobs") != std::string::npos);
  CHECK(stack.produce({"submit", "echo", "1", "--transient", "--wait"}).exit.code == 0);
}

}  // namespace zebu::test
