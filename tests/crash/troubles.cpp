#include "tests/crash/troubles.h"

#include "tests/support/eventually.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <thread>

namespace zebu::crash {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

}  // namespace

Troubles::Troubles(Cast& cast, std::mt19937_64& dice) : cast_(cast), dice_(dice) {
  ClientOptions options;
  options.broker = cast.clients();
  auto client = Client::connect(options);
  if (!client) throw std::runtime_error(client.error().message);
  asking_ = std::move(*client);
}

// The troubles begin together, so that those which need each other meet; each ends at its own time. Random moments are
// what this is about: nothing is waited for until then.
void Troubles::strike() {
  if (flip(0.15)) {
    stop_everything();
  } else {
    for (Consumer& consumer : cast_.consumers()) {
      if (flip(0.4)) disturb(consumer);
    }
    for (Submitter& producer : cast_.producers()) {
      if (flip(0.3)) disturb(producer);
    }
    if (flip(0.3)) disturb(cast_.map());
    if (flip(0.3)) disturb(*cast_.webfront());
    if (flip(0.3)) disturb_broker();
  }
  if (flip(0.3)) step(cast_.broker_clock());
  for (Consumer& consumer : cast_.consumers()) {
    if (flip(0.2)) step(consumer.clock.get());
  }
  std::sort(endings_.begin(), endings_.end(), [](const Ending& a, const Ending& b) { return a.after < b.after; });
  const auto begin = SteadyClock::now();
  for (const Ending& ending : endings_) {
    std::this_thread::sleep_until(begin + ending.after);
    ending.undo();
    cast_.tell("an end, after " + std::to_string(ending.after.count()) + " ms");
  }
  endings_.clear();
  wait_until_heard();
}

void Troubles::disturb(Consumer& consumer) {
  if (cast_.options().kind == RoundKind::both && consumer.may_die && flip(0.3)) return silence(consumer);
  switch (roll(6)) {
    case 0:
    case 1:
      cast_.tell("cut " + consumer.name);
      return consumer.link->cut();
    case 2:
      return change(*consumer.link, consumer.name);
    case 3:
      return stand_still(consumer.mortal, consumer.name, short_time());
    default:
      return stall(*consumer.link, consumer.name, short_time());
  }
}

// Nobody waits for its beats: it may be silent for as long as it likes.
void Troubles::disturb(Submitter& submitter) {
  if (submitter.mortal.is_finished()) return;
  const auto time = flip(0.2) ? long_time() : short_time();
  switch (roll(5)) {
    case 0:
      return submitter.link->cut();
    case 1:
      return change(*submitter.link, "a submitter");
    case 2:
      return stand_still(submitter.mortal, "a submitter", time);
    default:
      return stall(*submitter.link, "a submitter", time);
  }
}

void Troubles::disturb_broker() { stand_still(cast_.broker(), "the broker", flip(0.4) ? long_time() : short_time()); }

// As when the machine is suspended, though here all wake up one after the other.
void Troubles::stop_everything() {
  std::vector<Mortal*> all{&cast_.broker()};
  for (Consumer& consumer : cast_.consumers()) all.push_back(&consumer.mortal);
  for (Submitter& producer : cast_.producers()) all.push_back(&producer.mortal);
  all.push_back(&cast_.map().mortal);
  all.push_back(&cast_.webfront()->mortal);
  std::erase_if(all, [](Mortal* mortal) { return mortal->is_finished(); });
  std::shuffle(all.begin(), all.end(), dice_);
  for (Mortal* mortal : all) mortal->stand_still(true);
  std::shuffle(all.begin(), all.end(), dice_);
  const auto time = flip(0.5) ? long_time() : short_time();
  cast_.tell("everything stands still for " + std::to_string(time.count()) + " ms");
  endings_.push_back({time, [all] {
                        for (Mortal* mortal : all) mortal->go_on();
                      }});
}

// From one of these to another: by hours and days, forward and back.
void Troubles::step(test::SteppedClock* clock) {
  constexpr std::array<std::chrono::hours, 5> kAhead{-24h, -1h, 0h, 1h, 24h};
  if (clock != nullptr) clock->set(kAhead.at(roll(kAhead.size())));
}

void Troubles::silence(Consumer& consumer) {
  consumer.lives.back().was_excused = true;
  if (flip(0.5)) {
    stand_still(consumer.mortal, consumer.name, long_time());
  } else {
    stall(*consumer.link, consumer.name, long_time());
  }
}

void Troubles::stand_still(Mortal& mortal, const std::string& name, milliseconds time) {
  cast_.tell(name + " stands still for " + std::to_string(time.count()) + " ms");
  mortal.stand_still(flip(0.5));
  endings_.push_back({time, [&mortal] { mortal.go_on(); }});
}

void Troubles::stall(test::SlowLink& link, const std::string& name, milliseconds time) {
  constexpr std::array<test::SlowLink::Ways, 3> kWays{{{true, false}, {false, true}, {true, true}}};
  const auto ways = roll(kWays.size());
  cast_.tell("the link of " + name + " stalls for " + std::to_string(time.count()) + " ms, way " +
             std::to_string(ways));
  link.stall(kWays.at(ways));
  endings_.push_back({time, [&link] { link.stall({}); }});
}

// Until it changes again. The slowest link still carries in a beat what the protocol lets be under way.
void Troubles::change(test::SlowLink& link, const std::string& name) {
  constexpr std::array<std::size_t, 4> kRates{0, 2'000'000, 500'000, 200'000};
  constexpr std::array<milliseconds, 4> kDelays{0ms, 1ms, 20ms, 100ms};
  const test::SlowLink::Quality quality{kRates.at(roll(kRates.size())), kDelays.at(roll(kDelays.size()))};
  cast_.tell("the link of " + name + " carries " + std::to_string(quality.bytes_per_second) + " bytes/s after " +
             std::to_string(quality.delay.count()) + " ms");
  link.set(quality);
}

milliseconds Troubles::between(double least, double most) {
  const auto part = std::uniform_real_distribution(least, most)(dice_);
  return std::chrono::duration_cast<milliseconds>(cast_.options().liveness * part);
}

void Troubles::wait_until_heard() {
  const auto since = SteadyClock::now();
  std::string answered;
  const bool are_heard = test::eventually(
      [&] {
        const auto answer = asking_->query("consumers", {}, 1s);
        if (!answer) return false;
        const auto past = std::chrono::duration_cast<milliseconds>(SteadyClock::now() - since);
        const auto list = nlohmann::json::from_msgpack(*answer)["consumers"];
        answered = list.dump();
        return std::all_of(cast_.consumers().begin(), cast_.consumers().end(), [&](const Consumer& consumer) {
          return std::any_of(list.begin(), list.end(), [&](const auto& one) {
            return one["name"] == consumer.name && milliseconds(one["heard_ms"]) < past;
          });
        });
      },
      30s);
  cast_.tell("the broker has heard every consumer");
  if (!are_heard) throw std::runtime_error("the broker does not hear every consumer again: " + answered);
}

void Troubles::end() {
  for (Consumer& consumer : cast_.consumers()) {
    consumer.link->set({});
    if (consumer.clock) consumer.clock->set(0s);
  }
  for (Submitter& producer : cast_.producers()) producer.link->set({});
  cast_.map().link->set({});
  cast_.webfront()->link->set({});
  if (cast_.broker_clock() != nullptr) cast_.broker_clock()->set(0s);
}

}  // namespace zebu::crash
