#include "tests/support/catch.h"
#include "tests/support/lone_broker.h"
#include "tests/support/rogue_yard.h"
#include "zebu/client.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <sstream>

// Forty tasks that misbehave, each in its own way, in one consumer at once, and the jobs beside them.
namespace zebu::test {

using namespace std::chrono_literals;

namespace {

struct Rogue {
  std::string task;
  std::string args;
};

// What shells leave, kill and ignore.
constexpr const char* kScripts[] = {
    "trap 'kill 0' EXIT",
    "trap 'kill -INT 0' EXIT; exit 3",
    "kill -HUP 0",
    "kill -9 0",
    "kill -STOP 0",
    "sleep 1000 &",
    "(sleep 1000 &)",
    "setsid sleep 1000 &",
    "setsid sh -c 'sleep 1000 & sleep 1001' &",
    "nohup sh -c 'trap : TERM INT HUP; while :; do sleep 1; done' >/dev/null 2>&1 &",
    "trap : TERM INT HUP; while :; do sleep 1; done",
    "setsid sh -c 'trap : TERM; while :; do sleep 1; done'",
    "i=0; while [ $i -lt 100 ]; do setsid sleep 1000 & i=$((i+1)); done",
    "kill -TERM $PPID; sleep 1000",
    "kill -KILL $PPID; sleep 1000",
    "kill -STOP $PPID; sleep 1000",
    "exec 0<&- 1>&- 2>&-",
};

std::vector<Rogue> forty_rogues() {
  std::vector<Rogue> all;
  for (const char* script : kScripts) all.push_back({"shell", pack_args(std::string(script))});
  for (const char* task : {"fork", "fork_and_tell", "fork_and_throw", "fork_and_stay", "daemonise", "become_daemon",
                           "spoil", "stop", "exit", "exec", "pthread_exit"}) {
    all.push_back({task, pack_args()});
  }
  for (const char* how : {"write", "read", "steal", "close", "truncate", "shutdown", "replace"}) {
    all.push_back({"meddle", pack_args(std::string(how))});
  }
  all.push_back({"meddle_and_hang", pack_args(std::string("close"))});
  all.push_back({"scribble_and_crash", pack_args(0x55)});
  all.push_back({"scribble_and_hang", pack_args(0xff)});
  all.push_back({"bomb", pack_args(6)});
  all.push_back({"shout", pack_args(100)});
  return all;
}

// On a real broker, which gives a job again that no slot could begin.
struct Crowd {
  explicit Crowd(const std::vector<std::string>& before)
      : mark("rogue-" + Uuid::make().to_string()), consumer(start(before)) {
    consumer.wait_for_line("zebu-consumer ready", 20s);
    ClientOptions to;
    to.broker = broker.clients;
    client = std::move(*Client::connect(to));
  }
  ~Crowd() {
    for (const pid_t pid : marked_processes(mark)) ::kill(pid, SIGKILL);
  }
  Process start(const std::vector<std::string>& before) const {
    ProcessOptions process;
    process.command = before;
    for (const std::string& word :
         {program("rogue-consumer"), std::string("--broker"), broker.consumers, std::string("--slots"),
          std::string("4"), std::string("--cancel-grace"), std::string("200ms")}) {
      process.command.push_back(word);
    }
    process.environment = {{"ROGUE_MARK", mark}};
    return Process(std::move(process));
  }
  JobHandle submit(const Rogue& rogue) const {
    JobRequest request{rogue.task, rogue.args, std::string(kDefaultQueue), {}};
    request.options.hard_limit = 3s;
    return client->submit(std::move(request));
  }
  JobHandle note(int number) const {
    const std::string file = folder.path() / "notes";
    return client->submit({"note", pack_args(file, std::to_string(number)), std::string(kDefaultQueue), {}});
  }

  // Long, because a machine that is busy with fork bombs may not run a consumer for many seconds.
  LoneBroker broker{{"--liveness", "60s"}};
  TempDir folder;
  std::string mark;
  Process consumer;
  std::unique_ptr<Client> client;
};

}  // namespace

TEST_CASE("forty misbehaving tasks in one consumer leave their neighbours alone, and nothing behind") {
  const bool is_pid_1 = GENERATE(false, true);
  if (is_pid_1 && !may_be_pid_1()) {
    WARN("left out: a PID namespace cannot be made here");
    return;
  }
  Crowd crowd(is_pid_1 ? as_pid_1() : std::vector<std::string>{});
  const std::vector<Rogue> rogues = forty_rogues();
  REQUIRE(rogues.size() == 40);
  constexpr int kNeighbours = 200;
  std::vector<JobHandle> neighbours;
  std::vector<JobHandle> misbehaving;
  for (int i = 0; i < kNeighbours; ++i) {
    neighbours.push_back(crowd.note(i));
    if (i % 5 == 0) misbehaving.push_back(crowd.submit(rogues[static_cast<std::size_t>(i) / 5]));
  }
  JobHandle cancelled = crowd.submit({"shell", pack_args(std::string("trap : TERM; setsid sleep 1000"))});
  cancelled.cancel();
  CHECK(cancelled.outcome(60s).value().state == JobState::cancelled);
  for (std::size_t i = 0; i < misbehaving.size(); ++i) {
    INFO(rogues[i].task);
    CHECK(misbehaving[i].outcome(120s));
  }
  for (const JobHandle& job : neighbours) {
    const auto outcome = job.outcome(60s);
    REQUIRE(outcome);
    CHECK(outcome->state == JobState::succeeded);
  }
  std::istringstream notes(crowd.folder.read("notes"));
  std::vector<int> seen;
  for (int number = 0; notes >> number;) seen.push_back(number);
  std::sort(seen.begin(), seen.end());
  const auto twice = std::adjacent_find(seen.begin(), seen.end());
  // What befell the first attempt of a job that ran twice.
  std::string why;
  if (twice != seen.end()) {
    const auto found = crowd.client->query("jobs", {.ids = {neighbours[static_cast<std::size_t>(*twice)].id()}}, 10s);
    why = found ? nlohmann::json::from_msgpack(*found).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)
                : found.error().message;
  }
  INFO(why);
  CHECK(seen.size() == kNeighbours);
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
  CHECK(crowd.consumer.is_running());
  // The consumer, its slots, and unshare.
  const std::size_t own = 1 + 4 + (is_pid_1 ? 1 : 0);
  CHECK(eventually([&] { return marked_processes(crowd.mark).size() == own; }, 20s));
  const auto broker = crowd.client->query("broker", {}, 10s);
  REQUIRE(broker);
  CHECK(nlohmann::json::from_msgpack(*broker)["totals"]["lost_sessions"] == 0);
  const pid_t consumer = is_pid_1 ? children_of(crowd.consumer.pid()).front() : crowd.consumer.pid();
  ::kill(consumer, SIGTERM);
  CHECK(crowd.consumer.wait_exit(20s).code == 0);
  CHECK(eventually([&] { return marked_processes(crowd.mark).empty(); }, 20s));
}

}  // namespace zebu::test
