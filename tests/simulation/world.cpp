#include "tests/simulation/world.h"

#include "tests/simulation/broker.h"
#include "tests/simulation/client.h"
#include "tests/simulation/consumer.h"

#include <limits>

namespace zebu::simulation {

namespace {

// Retries, pauses and restarts are over long before.
constexpr std::chrono::minutes kPatience{10};

}  // namespace

World::World(std::uint64_t seed, std::size_t lines)
    : random(seed),
      scenario(Scenario::of(random)),
      trace(lines),
      ledger(time, trace, scenario.options, scenario.part > 0),
      broker_(std::make_unique<Broker>(*this)) {
  for (std::size_t i = 0; i < scenario.consumers; ++i) {
    std::vector<std::string> queues;
    for (std::size_t q = 0; q < scenario.queues; ++q) {
      // The first one serves all, so that every job can come to its end.
      if (i == 0 || random.percent(60)) queues.push_back(queue_name(q));
    }
    if (queues.empty()) queues.push_back(queue_name(0));
    std::vector<std::string_view> tasks;
    for (std::size_t t = 0; t < scenario.tasks; ++t) {
      if (i == 0 || random.percent(60)) tasks.push_back(task_name(t));
    }
    if (tasks.empty()) tasks.push_back(task_name(1));
    peers_.push_back(std::make_unique<Consumer>(*this, i, std::move(queues), std::move(tasks)));
  }
  for (std::size_t i = 0; i < scenario.clients; ++i) peers_.push_back(std::make_unique<Client>(*this));
}

World::~World() = default;

// ── the network ─────────────────────────────────────────────────────────────────────────────────────────────────────

Time World::latency() { return Time(random.between(5, is_calm_ ? 1000 : scenario.latency.count())); }

Time World::crossing(std::string_view frame) const { return scenario.byte * static_cast<std::int64_t>(frame.size()); }

ConnectionPtr World::connect(Peer& peer, message::Role role) {
  auto connection = std::make_shared<Connection>();
  connection->number = ++connections_;
  connection->role = role;
  connection->peer = &peer;
  return connection;
}

void World::to_broker(const ConnectionPtr& connection, std::string frame) {
  if (connection->is_cut) return;
  connection->at_broker = std::max(connection->at_broker, time.now() + latency()) + crossing(frame);
  time.at(connection->at_broker, [this, connection, frame = std::move(frame)] {
    if (!connection->is_cut) broker_->arrive(connection, frame);
  });
}

bool World::to_peer(const ConnectionPtr& connection, std::string frame) {
  if (connection->is_cut) return !connection->is_refused;
  connection->at_peer = std::max(connection->at_peer, time.now() + latency()) + crossing(frame);
  time.at(connection->at_peer, [connection, frame = std::move(frame)] {
    if (!connection->is_cut) connection->peer->arrive(connection, frame);
  });
  return true;
}

// Each side may notice, or not before it misses the other's beats.
void World::cut(const ConnectionPtr& connection) {
  if (connection->is_cut) return;
  note("connection % breaks", {connection->number});
  connection->is_cut = true;
  connection->is_refused = random.percent(50);
}

void World::broker_is_back() {
  for (const auto& peer : peers_) {
    time.after(Time(random.between(0, scenario.options.beat().count() * 1000)), [peer = peer.get()] {
      if (peer->connection() && peer->connection()->is_cut) peer->reconnect();
    });
  }
}

// ── what goes wrong ─────────────────────────────────────────────────────────────────────────────────────────────────

void World::repeat(Time every, std::function<void()> what) {
  if (every.count() == 0) return;
  time.after(Time(random.between(0, 2 * every.count())), [this, every, what = std::move(what)] {
    if (is_calm_) return;
    what();
    repeat(every, what);
  });
}

void World::crash_broker() {
  if (!broker_->is_up()) return;
  random.percent(20) ? broker_->stop() : broker_->crash(random.percent(50));
  time.after(Time(random.between(1000, random.percent(20) ? 4'000'000 : 200'000)), [this] {
    if (!broker_->is_up()) broker_->start();
  });
}

// A process, or all at once, as on a machine that is paused.
void World::stand_still() {
  const std::int64_t liveness = scenario.options.liveness.count() * 1000;
  const Time until = time.now() + Time(random.between(1, random.percent(50) ? liveness : 3 * liveness));
  const bool all = random.percent(30);
  if (all || random.percent(50)) broker_->pause(until);
  const std::size_t which = random.below(2 * peers_.size());
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (all || i == which) peers_[i]->pause(until + Time(random.between(0, 10'000)));
  }
}

// By a little, or by as much as a clock without a battery.
void World::set_clock() {
  const std::int64_t most = random.percent(50) ? 10'000 : 100'000'000;
  clock_ahead_ = std::chrono::milliseconds(random.between(-most, most));
  most_ahead_ = std::max(most_ahead_, clock_ahead_);
  note("the clock is set, % ms ahead", {static_cast<std::uint64_t>(clock_ahead_.count())});
}

// To the brim, or nearly so. Mostly it has room again later.
void World::fill_store() {
  std::optional<std::uint64_t> room;
  if (random.percent(60)) room = random.percent(60) ? 0 : random.below(20'000);
  note("the store has room for % bytes", {room.value_or(std::numeric_limits<std::uint64_t>::max())});
  broker_->store_has_room(room, room == 0U && random.percent(40));
}

// People.
void World::bother() {
  const std::string queue = queue_name(random.below(scenario.queues));
  const std::size_t what = random.below(6);
  const std::uint64_t number = random.next();
  note("people do %", {what});
  broker_->tell([this, queue, what, number](broker::Engine& engine, Moment now, broker::Effects& out) {
    if (what == 0) {
      engine.pause(queue, "people", "people", now, out);
    } else if (what == 1 || what == 2) {
      static_cast<void>(engine.resume(queue, out));
    } else if (what == 3) {
      ledger.heard_purge(queue);
      static_cast<void>(engine.purge(queue, now, out));
    } else if (what == 4) {
      static_cast<void>(engine.drain_consumers("consumer" + std::to_string(number % scenario.consumers), out));
    } else {
      for (JobFacts& job : ledger.jobs()) {
        if (!job.durable.is_present || job.durable.state != JobState::failed) continue;
        const auto stored = broker_->on_disk(job.id);
        if (number % 3 == 0) {
          static_cast<void>(engine.forget_failed(*stored, out));
        } else {
          JobFacts& fresh = ledger.add(job.queue, job.task, job.options);
          fresh.is_retry = true;
          static_cast<void>(engine.retry(*stored, fresh.id, now, out));
        }
        return;
      }
    }
  });
}

void World::start_faults() {
  repeat(scenario.broker_crash, [this] { crash_broker(); });
  repeat(scenario.consumer_crash, [this] { peers_[random.below(scenario.consumers)]->crash(); });
  repeat(scenario.client_crash, [this] { peers_[scenario.consumers + random.below(scenario.clients)]->crash(); });
  repeat(scenario.cut, [this] {
    Peer& peer = *random.pick(peers_);
    if (!peer.connection()) return;
    cut(peer.connection());
    if (random.percent(50)) peer.reconnect();
  });
  repeat(scenario.pause, [this] { stand_still(); });
  repeat(scenario.clock, [this] { set_clock(); });
  repeat(scenario.full, [this] { fill_store(); });
  repeat(scenario.people, [this] { bother(); });
  // What clients do.
  const Time each = scenario.faults_end / static_cast<std::int64_t>(scenario.jobs / 3 + 1);
  repeat(each, [this] {
    auto& client = static_cast<Client&>(*peers_[scenario.consumers + random.below(scenario.clients)]);
    if (ledger.jobs().size() < scenario.jobs)
      client.submit(random.percent(10) ? 20 : static_cast<std::size_t>(random.between(1, 5)));
    if (ledger.jobs().empty()) return;
    const JobFacts& job = random.pick(ledger.jobs());
    if (random.percent(20) && job.is_accepted) client.wait(job.id);
    if (random.percent(scenario.cancelled)) client.cancel(job.id);
    if (random.percent(10)) client.leave_one();
  });
  time.at(scenario.faults_end, [this] { calm_down(); });
}

void World::calm_down() {
  note("faults stop", {});
  is_calm_ = true;
  clock_ahead_ = most_ahead_;  // no job was given a time that is far from now
  if (!broker_->is_up()) broker_->start();
  broker_->store_has_room({}, false);
  // A broker that is told of it in the middle of a restart would not remember.
  for (std::size_t i = 0; i < scenario.queues; ++i) {
    broker_->tell([queue = queue_name(i)](broker::Engine& engine, Moment, broker::Effects& out) {
      static_cast<void>(engine.resume(queue, out));
    });
  }
}

// ── a run ───────────────────────────────────────────────────────────────────────────────────────────────────────────

bool World::is_done() const {
  for (const auto& peer : peers_) {
    if (!peer->is_done()) return false;
  }
  for (const JobFacts& job : ledger.jobs()) {
    if (job.durable.is_present && !is_final(job.durable.state)) return false;
    if (job.options.transient && job.seen && !is_final(*job.seen)) return false;
  }
  return true;
}

void World::run() {
  broker_->start();
  for (const auto& peer : peers_) peer->start();
  start_faults();
  std::uint64_t steps = 0;
  while (time.step()) {
    if (!is_calm_ || ++steps % 64 != 0) continue;
    if (is_done()) break;
    if (time.now() > scenario.faults_end + kPatience) break;
  }
  ledger.check_end();
  for (const auto& peer : peers_) {
    const std::string misses = peer->misses();
    if (!misses.empty()) throw Violation{"waiters are told", "a peer still waits for" + misses};
  }
}

}  // namespace zebu::simulation
