#include "tests/simulation/broker.h"

#include "tests/simulation/peer.h"

namespace zebu::simulation {

using broker::Engine;
using broker::SessionId;

namespace {

// How long a reply that nobody waits for is held back, as in broker/server.cpp.
constexpr std::chrono::milliseconds kHold{1};

}  // namespace

// ── life and death ──────────────────────────────────────────────────────────────────────────────────────────────────

void Broker::start() {
  process_ = std::make_unique<Process>(world_.scenario.options, max_part());
  paused_until_ = {};
  ++lives_;
  world_.note("the broker starts", {});
  world_.ledger.broker_came();
  process_->engine.restore(*disk_.recover(), world_.time.moment());
  wake_at(world_.time.now());
  world_.broker_is_back();
}

void Broker::crash(bool reaches_disk) {
  world_.note("the broker dies; what was under way reaches the disk: %", {reaches_disk ? 1U : 0U});
  if (process_->under_way && reaches_disk) static_cast<void>(apply(*process_->under_way));
  const auto peers = std::move(process_->peers);
  process_.reset();
  for (const auto& [session, connection] : peers) world_.cut(connection);
  world_.ledger.broker_went();
}

void Broker::stop() {
  world_.note("the broker is stopped", {});
  process_->is_stopping = true;
  for (int commits = 0; commits < 3; ++commits) {
    if (process_->under_way) process_->done = apply(*std::exchange(process_->under_way, std::nullopt));
    take_commit();
    if (commits < 2) start_commit();
  }
  process_->outbox.release();
  tell_peers();
  for (auto& [session, courier] : process_->couriers) courier.finish(sender(session));
  process_.reset();
  world_.ledger.broker_went();
}

std::optional<broker::StoredJob> Broker::on_disk(const JobId& id) { return disk_.find({id})->front(); }

// ── the loop ────────────────────────────────────────────────────────────────────────────────────────────────────────

void Broker::arrive(const ConnectionPtr& connection, std::string frame) {
  if (!process_) return;
  const auto session = process_->sessions.find(connection->number);
  if (session != process_->sessions.end()) world_.ledger.arrived(session->second);
  process_->inbox.emplace_back(connection, std::move(frame));
  wake_at(std::max(world_.time.now(), last_round_ + Time(world_.random.between(5, 300))));
}

void Broker::pause(Time until) {
  if (!process_ || until <= paused_until_) return;
  world_.note("the broker stands still", {});
  world_.ledger.broker_stands_still();
  paused_until_ = until;
  wake_at(world_.time.now());
}

void Broker::tell(std::function<void(Engine&, Moment, broker::Effects&)> what) {
  if (!process_) return;
  process_->told.push_back(std::move(what));
  wake_at(world_.time.now());
}

void Broker::store_has_room(std::optional<std::uint64_t> bytes, bool is_low) {
  if (!process_) return;
  process_->engine.store_has_room(bytes, is_low);
  world_.ledger.told_room(bytes, is_low);
  wake_at(world_.time.now());
}

void Broker::wake_at(Time time) {
  time = std::max({time, world_.time.now(), paused_until_});
  if (process_->wake && *process_->wake <= time) return;
  process_->wake = time;
  world_.time.at(time, [this, time, life = lives_] {
    if (!process_ || life != lives_ || process_->wake != time) return;
    if (world_.time.now() >= paused_until_) {
      if (std::exchange(paused_until_, Time{}) > Time{}) world_.ledger.broker_goes_on();
      return round();
    }
    process_->wake.reset();
    wake_at(paused_until_);
  });
}

// decide → persist → tell
void Broker::round() {
  Process& p = *process_;
  p.wake.reset();
  const Moment now = world_.time.moment();
  rounds_at_once_ = last_round_ == world_.time.now() ? rounds_at_once_ + 1 : 0;
  if (rounds_at_once_ > 1000) throw Violation{"on time", "the broker has always something to do at once"};
  last_round_ = world_.time.now();
  if (std::exchange(p.has_begun, true)) world_.ledger.before_round(p.engine);
  world_.ledger.clock_is_ahead(world_.clock_ahead());
  p.engine.clock_is_ahead(world_.clock_ahead(), p.effects);
  gather();
  take_commit();
  for (const message::Role role : {message::Role::client, message::Role::consumer}) {
    if (p.is_all_read) p.engine.listened(role, now);
  }
  // Under load a round leaves something unread.
  const std::size_t most = world_.is_calm() || world_.random.percent(90) ? p.inbox.size() : world_.random.below(4);
  p.is_all_read = most >= p.inbox.size();
  for (std::size_t read = 0; read < most && !p.inbox.empty(); ++read) {
    const auto [connection, frame] = std::move(p.inbox.front());
    p.inbox.pop_front();
    handle(connection, frame);
  }
  for (const auto& what : std::exchange(p.told, {})) {
    what(p.engine, now, p.effects);
    gather();
  }
  for (const SessionId session : std::exchange(p.unreachable, {})) {
    p.engine.cut_off(session, p.effects);
    gather();
  }
  for (const auto& [session, courier] : p.couriers) p.engine.set_behind(session, !courier.is_idle(), now);
  p.intake.tick(now.steady);
  p.engine.tick(now, p.effects);
  gather(Ledger::Call::tick);
  start_commit();
  if (p.held_since && world_.time.now() - *p.held_since >= kHold) {
    p.outbox.release();
    p.held_since.reset();
  }
  tell_peers();
  if (!p.outbox.is_holding()) {
    p.held_since.reset();
  } else if (!p.held_since) {
    p.held_since = world_.time.now();
  }
  world_.ledger.after_round(p.engine);
  if (!p.unreachable.empty()) wake_at(world_.time.now());
  if (!p.is_all_read) wake_at(world_.time.now() + Time(world_.random.between(1, 50'000)));
  if (p.held_since) wake_at(*p.held_since + kHold);
  if (p.intake.waiting() > 0) wake_at(world_.time.now() + Time(world_.scenario.options.beat().count() * 1000));
  if (const auto next = p.engine.next_deadline()) {
    wake_at(std::chrono::ceil<Time>(*next - world_.time.moment().steady) + world_.time.now());
  }
}

// ── the store ───────────────────────────────────────────────────────────────────────────────────────────────────────

void Broker::start_commit() {
  Process& p = *process_;
  if (p.under_way || p.done) return;
  if (!p.held.empty() && !p.is_stopping) {
    p.held.advance(world_.time.moment(), p.effects);
    gather();
  }
  if (p.next.records.empty() && p.next.reads.empty()) return;
  if (!p.next.records.empty()) {
    const broker::BatchNumber batch = p.engine.seal();
    p.outbox.seal(batch);
    p.next.batch = batch;
  }
  p.under_way = std::exchange(p.next, {});
  world_.time.after(Time(world_.random.between(10, world_.scenario.commit.count())), [this, life = lives_] {
    if (process_ && life == lives_) perform();
  });
}

bool Broker::fails() const { return !world_.is_calm() && world_.random.between(0, 999) < world_.scenario.disk_errors; }

void Broker::perform() {
  if (world_.time.now() < paused_until_) {
    world_.time.at(paused_until_, [this, life = lives_] {
      if (process_ && life == lives_) perform();
    });
    return;
  }
  if (fails()) {
    // An error of the store is its last word: the broker dies with it, and somebody starts it again.
    world_.note("the disk fails", {});
    crash(false);
    world_.time.after(Time(world_.random.between(1000, 1'000'000)), [this] {
      if (!is_up()) start();
    });
    return;
  }
  Process& p = *process_;
  p.done = apply(*p.under_way);
  p.under_way.reset();
  wake_at(world_.time.now());
}

Broker::Done Broker::apply(const Work& work) {
  Done done{work.batch, {}, {}};
  if (!work.records.empty()) {
    done.duplicates = *disk_.commit(work.records);
    world_.note("batch % is on the disk: % records, % of them duplicates",
                {work.batch.value(), work.records.size(), done.duplicates.size()});
    world_.ledger.commit(work.records, done.duplicates);
  }
  for (const broker::Read& read : work.reads) done.answers.push_back(answer(read));
  return done;
}

broker::ReadAnswer Broker::answer(const broker::Read& read) {
  if (const auto* r = std::get_if<broker::LoadQueued>(&read)) {
    return broker::QueuedLoaded{*r, *disk_.load_queued(r->line, r->from, r->limit, r->bytes)};
  }
  if (const auto* r = std::get_if<broker::LoadScheduled>(&read)) {
    return broker::ScheduledLoaded{*r, *disk_.load_scheduled(r->from, r->limit, r->bytes)};
  }
  if (const auto* r = std::get_if<broker::LoadExpired>(&read)) {
    return broker::ExpiredLoaded{*r, *disk_.load_expired(r->latest, r->limit, r->from)};
  }
  if (const auto* r = std::get_if<broker::Find>(&read)) return broker::Found{*r, *disk_.find(r->ids)};
  if (const auto* r = std::get_if<broker::List>(&read)) return broker::Listed{*r, *disk_.list(r->filter)};
  if (const auto* r = std::get_if<broker::Forget>(&read)) {
    broker::Forgotten forgotten{*r, *disk_.forget(r->now, r->limit)};
    world_.ledger.dropped(forgotten);
    return forgotten;
  }
  const auto& r = std::get<broker::ForgetFailed>(read);
  broker::FailedForgotten forgotten{r, *disk_.forget_failed(r.queues, r.keep, r.limit)};
  world_.ledger.dropped(forgotten);
  return forgotten;
}

void Broker::take_commit() {
  Process& p = *process_;
  if (!p.done) return;
  const Done done = *std::exchange(p.done, std::nullopt);
  if (done.batch) {
    p.outbox.committed();
    world_.ledger.told_engine(done.duplicates);
    p.engine.committed(*done.batch, done.duplicates, world_.time.moment(), p.effects);
    gather();
    if (!p.is_stopping) {
      start_commit();
      p.engine.hand_out(world_.time.moment(), p.effects);
      gather();
    }
    p.outbox.flush_durable([this](SessionId session, Frame frame) { send(session, std::move(frame)); });
  }
  for (const broker::ReadAnswer& read : done.answers) {
    p.engine.answered(read, world_.time.moment(), p.effects);
    gather();
  }
}

}  // namespace zebu::simulation
