#include "tests/crash/round.h"

#include "tests/crash/ledger.h"
#include "tests/support/eventually.h"
#include "tests/support/paths.h"
#include "tests/support/stack.h"
#include "zebu/client.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <thread>

namespace zebu::crash {
namespace {

using namespace std::chrono_literals;

constexpr const char* kLiveness = "1500ms";

// Jobs that the broker has in memory: all, and few of them.
constexpr std::array<std::size_t, 3> kWindows{20'000, 500, 64};

// How much longer each sync of the broker takes. A slow disk widens the gap between what is decided and what is safe,
// in which a broker that told too early is caught. The sanitizers' run times do not like to be loaded second.
#ifdef ZEBU_SANITIZED
constexpr std::array<int, 1> kSyncs{0};
#else
constexpr std::array<int, 3> kSyncs{0, 10, 30};
#endif

std::string store_of(const RoundOptions& options) { return "sqlite:" + (options.folder / "zebu.db").string(); }

}  // namespace

void Mortal::start() {
  lives_.emplace_back(options_);
  is_started_ = true;
}

void Mortal::kill() {
  lives_.back().signal(SIGKILL);
  is_started_ = false;
}

bool Mortal::is_finished() {
  if (lives_.empty() || lives_.back().is_running()) return false;
  const auto exit = lives_.back().wait_exit();
  if (exit.code == 0) return true;
  if (exit.signal == SIGKILL) return false;
  throw std::runtime_error(options_.command.front() + " ended by itself:\n" + lives_.back().err());
}

std::string Mortal::said() const {
  std::string all;
  for (const test::Process& life : lives_) all += "--- process " + std::to_string(life.pid()) + "\n" + life.err();
  return all;
}

Round::Round(const RoundOptions& options)
    : options_(options),
      dice_(options.seed),
      window_(kWindows[dice_() % kWindows.size()]),
      sync_ms_(kSyncs[dice_() % kSyncs.size()]),
      broker_(test::ProcessOptions{}),
      map_(test::ProcessOptions{}) {}

void Round::run() try {
  start_broker();
  add_consumer("processes-1", "processes", false);
  add_consumer("processes-2", "processes", true);
  add_consumer("threads-1", "threads", false);
  add_consumer("threads-2", "threads", true);
  const std::size_t mapped = options_.jobs / 10;
  add_producer("producer-1", (options_.jobs - mapped) / 2);
  add_producer("producer-2", (options_.jobs - mapped) - (options_.jobs - mapped) / 2);
  add_map(mapped);
  for (std::size_t i = 0; i < options_.strikes; ++i) strike();
  wait_for_producers();
  // All that anybody was told must have been safe before this.
  broker_.process().signal(SIGKILL);
  broker_.process().wait_exit();
  start_broker();
  check_outcomes();
  check_map();
  stop_all();
  check_store();
} catch (...) {
  save_what_was_said();
  throw;
}

// On the ports that it had.
void Round::start_broker() {
  broker_.options().command = {test::program("zebu-broker"), "--clients",  clients_,          "--consumers",
                               consumers_endpoint_,          "--liveness", kLiveness,         "--window",
                               std::to_string(window_),      "--store",    store_of(options_)};
  if (sync_ms_ > 0) {
    broker_.options().environment = {{"LD_PRELOAD", test::program("slow_disk.so")},
                                     {"ZEBU_SYNC_MS", std::to_string(sync_ms_)}};
  }
  const bool is_first = clients_.ends_with('*');
  broker_.start();
  if (!is_first) return;
  const std::string line = broker_.process().wait_for_line("zebu-broker ready");
  clients_ = test::ready_field(line, "clients");
  consumers_endpoint_ = test::ready_field(line, "consumers");
}

void Round::add_consumer(const std::string& name, const std::string& pool, bool may_die) {
  test::ProcessOptions options;
  options.command = {test::program("crash-consumer"),
                     "--broker",
                     consumers_endpoint_,
                     "--name",
                     name,
                     "--pool",
                     pool,
                     "--slots",
                     "2",
                     "--liveness",
                     kLiveness};
  start_consumer(consumers_.emplace_back(Consumer{Mortal(options), name, may_die, {}}));
}

void Round::start_consumer(Consumer& consumer) {
  const std::string life = consumer.name + "." + std::to_string(consumer.begun.size());
  consumer.begun.push_back(options_.folder / (life + ".begun"));
  consumer.mortal.options().environment["ZEBU_CRASH_BEGUN"] = consumer.begun.back();
  consumer.mortal.start();
}

void Round::add_producer(const std::string& name, std::size_t jobs) {
  const auto plan = options_.folder / (name + ".plan");
  const auto heard = options_.folder / (name + ".heard");
  write_plan(plan, make_plan(jobs, dice_));
  test::ProcessOptions options;
  options.command = {test::program("crash-producer"), clients_, plan, heard};
  producers_.emplace_back(Producer{Mortal(options), plan, heard}).mortal.start();
}

void Round::add_map(std::size_t lines) {
  map_lines_ = lines;
  std::ofstream input(options_.folder / "map.in");
  for (std::size_t i = 0; i < lines; ++i) input << "[" << dice_() % 3000 << ", 0, " << i << "]\n";
  input.close();
  // It is started while the broker is dead, too.
  map_.options().command = {test::program("zebu-producer"),
                            "--broker",
                            clients_,
                            "--connect-timeout",
                            "30s",
                            "map",
                            "work",
                            "--input",
                            options_.folder / "map.in",
                            "--output",
                            options_.folder / "map.out",
                            "--resume"};
  map_.start();
}

// Kills some of them, and starts these again in another order a moment later. Whoever is started now may be killed
// before it is ready.
void Round::strike() {
  pause(200);
  std::vector<std::pair<Mortal*, std::function<void()>>> victims;
  if (flip(0.4)) victims.emplace_back(&broker_, [this] { start_broker(); });
  for (Consumer& consumer : consumers_) {
    if (consumer.may_die && flip(0.3)) victims.emplace_back(&consumer.mortal, [&] { start_consumer(consumer); });
  }
  for (Producer& producer : producers_) {
    if (!producer.mortal.is_finished() && flip(0.25)) {
      victims.emplace_back(&producer.mortal, [&] { producer.mortal.start(); });
    }
  }
  if (!map_.is_finished() && flip(0.25)) victims.emplace_back(&map_, [this] { map_.start(); });
  std::shuffle(victims.begin(), victims.end(), dice_);
  for (auto& victim : victims) {
    victim.first->kill();
    if (flip(0.3)) pause(10);
  }
  pause(60);
  std::shuffle(victims.begin(), victims.end(), dice_);
  for (auto& victim : victims) {
    // The next life of a broker needs its port, and everybody's needs the files.
    victim.first->process().wait_exit();
    victim.second();
    if (flip(0.3)) pause(10);
  }
}

// Random moments are what this test is about: nothing is waited for here.
void Round::pause(int most_ms) {
  std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution(0, most_ms * 1000)(dice_)));
}

bool Round::flip(double chance) { return std::bernoulli_distribution(chance)(dice_); }

void Round::wait_for_producers() {
  const bool are_finished = test::eventually(
      [this] {
        return map_.is_finished() && std::all_of(producers_.begin(), producers_.end(),
                                                 [](Producer& producer) { return producer.mortal.is_finished(); });
      },
      60s);
  if (!are_finished) throw std::runtime_error("not all jobs ended within a minute");
}

void Round::stop_all() {
  for (Consumer& consumer : consumers_) consumer.mortal.process().signal(SIGTERM);
  for (Consumer& consumer : consumers_) {
    if (consumer.mortal.process().wait_exit() != test::ExitStatus{.code = 0, .signal = {}}) {
      throw std::runtime_error(consumer.name + " did not stop cleanly");
    }
  }
  broker_.process().signal(SIGTERM);
  if (broker_.process().wait_exit() != test::ExitStatus{.code = 0, .signal = {}}) {
    throw std::runtime_error("the broker did not stop cleanly");
  }
}

// What was accepted, what the producers heard, which attempts were begun, and what the broker says now.
void Round::check_outcomes() {
  Ledger ledger;
  for (const Producer& producer : producers_) {
    for (const PlannedJob& job : read_plan(producer.plan)) ledger.add(job);
    for (const Heard& heard : read_heard(producer.heard)) ledger.add(heard);
  }
  for (const Consumer& consumer : consumers_) {
    for (const auto& file : consumer.begun) {
      const bool lived = file == consumer.begun.back();
      for (const Begun& begun : read_begun(file)) ledger.add(begun, lived);
    }
  }
  ClientOptions options;
  options.broker = clients_;
  const auto client = Client::connect(options);
  if (!client) throw std::runtime_error(client.error().message);
  std::vector<std::pair<JobId, JobHandle>> asked;
  for (const JobId& id : ledger.accepted()) asked.emplace_back(id, (*client)->wait(id));
  for (const auto& [id, job] : asked) {
    const auto outcome = job.outcome(test::scaled(30s));
    ledger.add_last(id, outcome ? outcome_text(*outcome) : "no outcome, but " + outcome.error().message);
  }
  const auto complaints = ledger.complaints();
  if (complaints.empty()) return;
  std::string all = std::to_string(complaints.size()) + " jobs went wrong:";
  for (std::size_t i = 0; i < std::min<std::size_t>(complaints.size(), 10); ++i) all += "\n" + complaints[i];
  throw std::runtime_error(all);
}

// Each input line has one output line, and it says "succeeded".
void Round::check_map() const {
  std::map<std::string, int> seen;
  std::ifstream in(options_.folder / "map.out");
  for (std::string line; std::getline(in, line);) {
    if (line.find("\"state\":\"succeeded\"") == std::string::npos) throw std::runtime_error("map says " + line);
    ++seen[line.substr(0, line.find(']'))];
  }
  for (const auto& [input, count] : seen) {
    if (count != 1) throw std::runtime_error("map has " + std::to_string(count) + " lines of " + input);
  }
  if (seen.size() != map_lines_) throw std::runtime_error("map has " + std::to_string(seen.size()) + " lines");
}

void Round::check_store() const {
  const auto checked = test::run({.command = {test::program("zebu-broker"), "check", "--store", store_of(options_)}});
  if (checked.exit.code != 0) throw std::runtime_error("zebu-broker check: " + checked.out + checked.err);
}

void Round::save_what_was_said() const {
  const auto save = [this](const std::string& name, const Mortal& mortal) {
    std::ofstream(options_.folder / (name + ".err")) << mortal.said();
  };
  save("broker", broker_);
  for (const Consumer& consumer : consumers_) save(consumer.name, consumer.mortal);
  for (const Producer& producer : producers_) save(producer.heard.stem().string(), producer.mortal);
  save("map", map_);
}

}  // namespace zebu::crash
