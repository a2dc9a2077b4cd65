#include "tests/simulation/scenario.h"

namespace zebu::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Bytes of most values, and of some where messages travel in parts.
constexpr std::size_t kValue = 30;
constexpr std::size_t kLongValue = 2000;
// The longest message, and what a PART has beside its bytes.
constexpr std::size_t kLongMessage = 2 * kLongValue;
constexpr std::size_t kAroundPart = 64;

milliseconds ms(Random& random, std::int64_t least, std::int64_t most) {
  return milliseconds(random.between(least, most));
}

}  // namespace

// Each feature is on in about half of the runs: with all of them on, some hide what others break.
Scenario Scenario::of(Random& random) {
  const auto often = [&](std::int64_t most) { return random.percent(50) ? random.between(1, most) : 0; };
  const auto every = [&](std::int64_t least, std::int64_t most) -> Time {
    return random.percent(50) ? Time(ms(random, least, most)) : Time{0};
  };
  Scenario s;
  s.options.liveness = milliseconds(random.percent(50) ? 3000 : 1000);
  s.options.window = static_cast<std::uint64_t>(random.percent(60) ? random.between(3, 20) : 1000);
  s.options.max_crashes = static_cast<std::uint32_t>(random.between(1, 4));
  s.options.max_losses = static_cast<std::uint32_t>(random.between(2, 10));
  s.options.keep = static_cast<std::uint64_t>(random.percent(50) ? random.between(0, 20) : 1000);
  if (random.percent(10)) s.options.queue_limit = static_cast<std::uint64_t>(random.between(10, 60));
  if (random.percent(30)) s.options.failed_limit = static_cast<std::uint64_t>(random.between(1, 10));
  if (random.percent(30)) s.options.failed_ttl = ms(random, 100, 8000);
  s.consumers = static_cast<std::size_t>(random.between(1, 4));
  s.clients = static_cast<std::size_t>(random.between(1, 3));
  s.queues = static_cast<std::size_t>(random.between(1, 3));
  s.jobs = static_cast<std::size_t>(random.percent(85) ? random.between(10, 80) : random.between(80, 250));
  s.faults_end = ms(random, 4000, 15000);
  s.latency = Time(random.between(20, random.percent(20) ? 100'000 : 2'000));
  s.commit = Time(random.between(50, random.percent(20) ? 200'000 : 10'000));
  s.job = Time(random.between(100, random.percent(50) ? 1'000'000 : 20'000));
  s.broker_crash = every(500, 8000);
  s.consumer_crash = every(500, 8000);
  s.client_crash = every(2000, 20000);
  s.cut = every(200, 5000);
  s.pause = every(500, 8000);
  s.clock = random.percent(30) ? every(300, 4000) : Time{0};
  s.people = every(300, 3000);
  s.full = random.percent(30) ? every(200, 3000) : Time{0};
  s.disk_errors = random.percent(20) ? random.between(1, 20) : 0;
  s.failing = often(40);
  s.crashing = often(30);
  s.poisonous = random.percent(30) ? random.between(1, 10) : 0;
  s.stubborn = often(5);
  s.transient = often(60);
  s.early = often(30);
  s.unique = often(50);
  s.prioritized = often(90);
  s.delayed = often(50);
  s.expiring = often(30);
  s.retried = often(80);
  s.limited = often(40);
  s.short_lived = often(20);
  s.cancelled = often(20);
  s.tasks = random.percent(40) ? 2 : 1;
  if (random.percent(40)) {
    s.options.large_value = static_cast<std::size_t>(random.between(0, 20));
    s.options.value_piece = static_cast<std::size_t>(random.between(1, 20));
    s.options.held_values = static_cast<std::size_t>(random.between(20, 1000));
  }
  if (random.percent(30)) {
    s.part = static_cast<std::size_t>(random.between(150, 400));
    // The slowest link that works carries `part` bytes in a third of the liveness.
    const std::int64_t slowest =
        s.options.liveness.count() * 1000 / 4 / static_cast<std::int64_t>(s.part + kAroundPart);
    s.byte = Time(random.percent(50) ? random.between(0, slowest) : random.between(0, slowest / 20));
    s.options.max_message = kLongMessage;
    s.options.intake = static_cast<std::uint64_t>(random.between(kLongMessage, 3 * kLongMessage));
  }
  return s;
}

std::optional<FlowLimits> Scenario::flow() const {
  if (part == 0) return std::nullopt;
  return FlowLimits{part, part, 8 * part, options.beat() / 2};
}

std::size_t Scenario::value_size(Random& random) const {
  return random.below(part > 0 && random.percent(20) ? kLongValue : kValue);
}

JobOptions Scenario::job_options(Random& random, WallTime now) const {
  JobOptions o;
  o.transient = random.percent(transient);
  o.acks_early = random.percent(early);
  if (random.percent(prioritized)) o.priority = static_cast<std::uint8_t>(random.between(0, kMaxPriority));
  if (random.percent(delayed)) {
    random.percent(50) ? static_cast<void>(o.delay = ms(random, 1, 4000))
                       : static_cast<void>(o.run_at = now + ms(random, -500, 4000));
  }
  if (random.percent(expiring)) {
    random.percent(50) ? static_cast<void>(o.expires_in = ms(random, 1, 5000))
                       : static_cast<void>(o.expires_at = now + ms(random, -100, 5000));
  }
  if (!o.acks_early && random.percent(retried)) {
    o.retry = {static_cast<std::uint32_t>(random.between(1, 4)), ms(random, 0, 1000), 2, seconds(3), 0.5};
  }
  if (random.percent(limited)) o.hard_limit = ms(random, 5, 1500);
  if (random.percent(short_lived)) o.result_ttl = ms(random, 0, 4000);
  if (random.percent(unique)) {
    o.unique = "key " + std::to_string(random.below(4));
    o.unique_while = random.percent(40) ? UniqueWhile::queued : UniqueWhile::unfinished;
    if (o.unique_while == UniqueWhile::unfinished && random.percent(30)) o.unique_for = ms(random, 1, 3000);
  }
  return o;
}

}  // namespace zebu::simulation
