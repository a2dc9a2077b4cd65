#include "tests/crash/round.h"

#include "tests/crash/standstill.h"
#include "tests/support/eventually.h"
#include "tests/support/paths.h"
#include "tests/support/stack.h"
#include "zebu/client.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <thread>
#include <utility>

namespace zebu::crash {
namespace {

using namespace std::chrono_literals;

// How often something befalls the programs.
constexpr int kKills = 8;
constexpr int kTroubles = 6;
constexpr std::size_t kSlots = 8;  // of all consumers

// Jobs that the broker has in memory: all, and few of them.
constexpr std::array<std::size_t, 3> kWindows{20'000, 500, 64};

// How much longer each sync of the broker takes. A slow disk widens the gap between what is decided and what is safe,
// in which a broker that told too early is caught. The sanitizers' run times do not like to be loaded second.
#ifdef ZEBU_SANITIZED
constexpr std::array<int, 1> kSyncs{0};
#else
constexpr std::array<int, 3> kSyncs{0, 10, 30};
#endif

// Where consumers must not be taken for dead, a loaded machine needs room; a longer one makes pauses long, too.
constexpr std::array<std::chrono::milliseconds, 2> kLivenesses{2000ms, 4000ms};

CastOptions cast_options(const RoundOptions& options, std::mt19937_64& dice) {
  CastOptions cast{options.folder, options.kind};
  cast.window = kWindows.at(dice() % kWindows.size());
  cast.sync_ms = kSyncs.at(dice() % kSyncs.size());
  cast.liveness = test::scaled(1500ms);
  // A restarted broker waits for its consumers that long, and over slow links they take a while to be back.
  if (options.kind == RoundKind::both) cast.liveness = test::scaled(2000ms);
  if (options.kind == RoundKind::living) cast.liveness = test::scaled(kLivenesses.at(dice() % kLivenesses.size()));
  return cast;
}

// So that there is work all the time that troubles take: half of the slots are busy.
std::uint32_t longest_us(const RoundOptions& options, const CastOptions& cast) {
  if (options.kind == RoundKind::kills) return 3000;
  const std::chrono::microseconds time = kTroubles * (cast.liveness * 7 / 10 + 200ms);
  return static_cast<std::uint32_t>(static_cast<std::size_t>(time.count()) * kSlots / options.jobs);
}

// 0: it is not there yet.
std::uintmax_t size_of(const std::filesystem::path& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  return error ? 0 : size;
}

// Of the broker, in the end.
std::uint32_t blame_of(const nlohmann::json& job) {
  return job["losses"].get<std::uint32_t>() + job["crashes"].get<std::uint32_t>();
}

}  // namespace

Round::Round(const RoundOptions& options)
    : options_(options), dice_(options.seed), cast_(cast_options(options, dice_)), map_lines_(options.jobs / 10) {}

void Round::run() try {
  const Standstill standstill;
  start();
  const int strikes = options_.kind == RoundKind::living ? kTroubles : kKills;
  for (int i = 0; i < strikes && !(troubles_ && cast_.have_submitters_finished()); ++i) strike();
  if (troubles_) troubles_->end();
  wait_for_submitters();
  if (WebUser* user = cast_.web_user()) user->finish();
  is_excused_ = standstill.longest() > cast_.options().liveness / 4;
  // All that anybody was told must have been safe before this.
  cast_.broker().kill();
  cast_.broker().process().wait_exit();
  cast_.start_broker();
  check_outcomes();
  check_map();
  cast_.stop();
  check_store();
  check_slots();
} catch (...) {
  cast_.save_what_was_said();
  throw;
}

void Round::start() {
  cast_.start_broker();
  cast_.add_consumers();
  const std::size_t jobs = options_.jobs - map_lines_;
  const std::uint32_t longest = longest_us(options_, cast_.options());
  for (const auto& [name, count] : {std::pair{"producer-1", jobs / 2}, std::pair{"producer-2", jobs - jobs / 2}}) {
    const auto plan = options_.folder / (std::string(name) + ".plan");
    write_plan(plan, make_plan(count, dice_, longest));
    cast_.add_producer(name, plan);
  }
  const auto input = options_.folder / "map.in";
  std::ofstream lines(input);
  for (std::size_t i = 0; i < map_lines_; ++i) lines << "[" << dice_() % longest << ", 0, " << i << "]\n";
  lines.close();
  cast_.add_map(input);
  if (options_.kind == RoundKind::kills) return;
  cast_.add_webfront();
  troubles_.emplace(cast_, dice_);
}

void Round::strike() {
  pause(200);
  if (options_.kind == RoundKind::kills || (options_.kind == RoundKind::both && flip(0.5))) {
    strike_dead();
    // A restarted broker waits for its consumers as long as the liveness: no trouble may take a part of that.
    if (troubles_) troubles_->wait_until_heard();
  } else {
    troubles_->strike();
  }
}

// Kills some of them, and starts these again in another order a moment later. Whoever is started now may be killed
// before it is ready.
void Round::strike_dead() {
  std::vector<std::pair<Mortal*, std::function<void()>>> victims;
  if (flip(0.4)) victims.emplace_back(&cast_.broker(), [this] { cast_.start_broker(); });
  for (Consumer& consumer : cast_.consumers()) {
    if (consumer.may_die && flip(0.3)) victims.emplace_back(&consumer.mortal, [&] { cast_.start_consumer(consumer); });
  }
  const auto add = [&](Submitter& submitter) {
    if (submitter.mortal.is_finished() || !flip(0.25)) return;
    victims.emplace_back(&submitter.mortal, [&] { submitter.mortal.start(); });
  };
  for (Submitter& producer : cast_.producers()) add(producer);
  add(cast_.map());
  std::shuffle(victims.begin(), victims.end(), dice_);
  for (auto& victim : victims) {
    cast_.tell("kill -9 of " + victim.first->options().command.front());
    victim.first->kill();
    if (flip(0.3)) pause(10);
  }
  pause(60);
  std::shuffle(victims.begin(), victims.end(), dice_);
  for (auto& victim : victims) {
    // The next life of a broker needs its port, and everybody's needs the files.
    victim.first->process().wait_exit();
    victim.second();
    cast_.tell("start of " + victim.first->options().command.front());
    if (flip(0.3)) pause(10);
  }
}

// Random moments are what this test is about: nothing is waited for here.
void Round::pause(int most_ms) {
  std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution(0, most_ms * 1000)(dice_)));
}

bool Round::flip(double chance) { return std::bernoulli_distribution(chance)(dice_); }

// However long it takes, as long as outcomes come.
void Round::wait_for_submitters() {
  std::uintmax_t last = 0;
  bool are_finished = false;
  const auto is_news = [&] {
    are_finished = cast_.have_submitters_finished();
    return are_finished || std::exchange(last, bytes_heard()) != last;
  };
  while (!are_finished) {
    if (!test::eventually(is_news, 30s)) throw std::runtime_error("some jobs do not end");
  }
}

std::uintmax_t Round::bytes_heard() const {
  std::uintmax_t all = 0;
  for (const Submitter& producer : cast_.producers()) all += size_of(producer.heard);
  return all + size_of(options_.folder / "map.out");
}

void Round::check_outcomes() {
  Ledger ledger(options_.kind == RoundKind::living && !is_excused_);
  add_what_was_written(ledger);
  add_what_broker_says(ledger);
  const auto complaints = ledger.complaints();
  if (complaints.empty()) return;
  std::string all = std::to_string(complaints.size()) + " jobs went wrong:";
  for (std::size_t i = 0; i < std::min<std::size_t>(complaints.size(), 10); ++i) all += "\n" + complaints[i];
  throw std::runtime_error(all);
}

// What was accepted, what the producers heard, which attempts were begun.
void Round::add_what_was_written(Ledger& ledger) const {
  for (const Submitter& producer : cast_.producers()) {
    for (const PlannedJob& job : read_plan(producer.plan)) ledger.add(job);
    for (const Heard& heard : read_heard(producer.heard)) ledger.add(heard);
  }
  for (const Heard& heard : read_heard(options_.folder / "web.heard")) {
    ledger.add(PlannedJob{.id = heard.id});
    ledger.add(heard);
  }
  for (const Consumer& consumer : cast_.consumers()) {
    for (const Life& life : consumer.lives) {
      const bool lived = &life == &consumer.lives.back() && !life.was_excused && !is_excused_;
      for (const Begun& begun : read_begun(life.begun)) ledger.add(begun, lived);
    }
  }
}

void Round::add_what_broker_says(Ledger& ledger) const {
  ClientOptions options;
  options.broker = cast_.clients();
  const auto client = Client::connect(options);
  if (!client) throw std::runtime_error(client.error().message);
  std::vector<std::pair<JobId, JobHandle>> asked;
  for (const JobId& id : ledger.accepted()) asked.emplace_back(id, (*client)->wait(id));
  Params params;
  for (const auto& [id, job] : asked) {
    const auto outcome = job.outcome(test::scaled(30s));
    ledger.add_last(id, outcome ? outcome_text(*outcome) : "no outcome, but " + outcome.error().message);
    params.ids.push_back(id);
    if (params.ids.size() < 1000 && id != asked.back().first) continue;
    const auto jobs = (*client)->query("jobs", params, test::scaled(30s));
    if (!jobs) throw std::runtime_error("the broker does not say how jobs went: " + jobs.error().message);
    const auto answer = nlohmann::json::from_msgpack(*jobs);
    for (std::size_t i = 0; i < params.ids.size(); ++i) {
      if (!answer[i].is_null()) ledger.add_blame(params.ids[i], blame_of(answer[i]));
    }
    params.ids.clear();
  }
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

// Nobody kills a slot's process alone, and no task ends its own.
void Round::check_slots() const {
  for (const Consumer& consumer : cast_.consumers()) {
    const std::string said = consumer.mortal.said();
    const auto at = said.find("slot process ");
    if (at != std::string::npos)
      throw std::runtime_error(consumer.name + " says: " + said.substr(at, said.find('\n', at) - at));
  }
}

void Round::check_store() const {
  const auto checked = test::run({.command = {test::program("zebu-broker"), "check", "--store", cast_.store()}});
  if (checked.exit.code != 0) throw std::runtime_error("zebu-broker check: " + checked.out + checked.err);
}

}  // namespace zebu::crash
