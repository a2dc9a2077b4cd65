#include "broker/server/server.h"

#include "zebu/program/log.h"

namespace zebu::broker {
namespace {

// How long a reply that no peer waits for is held back, to be sent together with another one.
constexpr std::chrono::milliseconds kHold{1};

// A longer frame closes its connection. Only HELLO may be longer than a part: it names up to 65,535 attempts, and as
// many queues and tasks as there may be.
constexpr std::size_t kLongestFrame = 4U << 20;

// How often the store is looked after, at least: whether it is there, and has room.
constexpr std::chrono::milliseconds kLook{250};

// What a broker that stops tells its peers: when to look for it again, or for the next one.
constexpr std::chrono::milliseconds kBackAfter{200};
// How long that may take to leave.
constexpr std::chrono::milliseconds kFarewell{500};

SocketContext& context() {
  static SocketContext context;
  return context;
}

void log_recovery(const Recovered& found, TimePoint::duration took) {
  const auto count = [&](JobState state) { return found.counts[static_cast<std::size_t>(state)]; };
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took);
  log_event(Event::store_recovered,
            {{"queued", count(JobState::queued)},
             {"scheduled", count(JobState::scheduled)},
             {"running", count(JobState::running)},
             {"failed", count(JobState::failed)},
             {"consumers", found.consumers.size()},
             {"took_ms", ms}},
            "the store has {} jobs queued, {} scheduled, {} running and {} failed; read in {} ms",
            count(JobState::queued), count(JobState::scheduled), count(JobState::running), count(JobState::failed),
            ms.count());
  if (found.consumers.empty() && count(JobState::running) == 0) return;
  log_event(Event::consumers_awaited, {{"consumers", found.consumers.size()}, {"jobs", count(JobState::running)}},
            "waiting for {} consumers of before, with {} running jobs, for at most the liveness time",
            found.consumers.size(), count(JobState::running));
}

// With more of them under way their consumers need the core, and a message is never far.
constexpr std::uint64_t kFewJobs = 8;

FlowLimits flow_limits(const Options& options) {
  FlowLimits limits = FlowLimits::of(options.liveness, options.beat());
  limits.part = limits.window = std::min<std::size_t>(limits.part, options.max_message);
  return limits;
}

}  // namespace

Result<std::unique_ptr<Server>> Server::create(const Options& options, std::unique_ptr<Store> store) {
  SocketLimits limits;
  limits.max_message = kLongestFrame;
  auto clients = Router::bind(context(), options.clients, limits);
  if (!clients) return tl::make_unexpected(clients.error());
  auto consumers = Router::bind(context(), options.consumers, limits);
  if (!consumers) return tl::make_unexpected(consumers.error());
  const TimePoint began = Clock::now();
  const auto recovered = store->recover();
  if (!recovered) return tl::make_unexpected(recovered.error());
  log_recovery(*recovered, Clock::now() - began);
  return std::unique_ptr<Server>(
      new Server(options, std::move(store), *recovered, std::move(*clients), std::move(*consumers)));
}

Server::Server(const Options& options, std::unique_ptr<Store> store, const Recovered& recovered, Router clients,
               Router consumers)
    : options_(options),
      clock_(recovered.clock_ahead),
      spin_(options.spin),
      spin_for_outcome_(options.spin),
      store_(std::move(store), options.spin),
      flow_(flow_limits(options)),
      ports_(std::move(clients), std::move(consumers), flow_),
      intake_(options.max_message, options.intake, flow_.part / 2, options.liveness),
      engine_(options),
      held_(engine_, options),
      outbox_(flow_.part),
      facts_{Uuid::make(), options.store, Clock::now(), 0},
      pending_(engine_),
      queries_(engine_, facts_, pending_),
      commands_(engine_, pending_) {
  name_log_instance(facts_.instance.to_string());
  engine_.restore(recovered, clock_.now());
}

Result<void> Server::run(int stop, Notifier& notifier, const std::function<void()>& stopping) {
  std::chrono::milliseconds timeout{0};
  while (!wait(stop, timeout)) {
    const auto has_more = round(clock_.now());
    if (!has_more) return tl::make_unexpected(has_more.error());
    if (const TimePoint now = Clock::now(); now >= next_pulse_) pulse(notifier, now);
    const TimePoint deadline = *has_more ? Clock::now() : next_deadline();
    timeout =
        std::max(std::chrono::milliseconds(0), std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()));
  }
  stopping();
  return finish();
}

// Until there is something to do, or the timeout has passed. True when `stop` became readable.
bool Server::wait(int stop, std::chrono::milliseconds timeout) {
  Router& clients = ports_.clients().socket;
  Router& consumers = ports_.consumers().socket;
  const auto poll = [&](std::chrono::milliseconds most) {
    return wait_readable(clients, consumers, stop, store_.descriptor(), most);
  };
  constexpr std::chrono::milliseconds kNow{0};
  if (timeout == kNow) return poll(kNow);
  bool is_stopped = false;
  const auto has_input = [&] {
    is_stopped = poll(kNow);
    return is_stopped || clients.may_have_input() || consumers.may_have_input();
  };
  if (store_.is_busy()) {
    if (spin_.wait_for([&] { return store_.is_done() || has_input(); })) return is_stopped;
  } else if (const auto running = engine_.jobs().count(JobState::running); running > 0 && running <= kFewJobs) {
    if (spin_for_outcome_.wait_for(has_input)) return is_stopped;
  }
  is_stopped = poll(store_.may_sleep() ? timeout : kNow);
  store_.woke_up();
  return is_stopped;
}

// Decisions that were made are committed and sent. A message that has not been handled may be lost.
Result<void> Server::finish() {
  is_stopping_ = true;
  store_.give_up();
  for (int commits = 0; commits < 2; ++commits) {
    if (auto taken = take_commit(store_.wait(), clock_.now()); !taken) return taken;
    start_commit(clock_.now());
  }
  if (auto taken = take_commit(store_.wait(), clock_.now()); !taken) return taken;
  outbox_.release();
  for (const SessionId session : ports_.sessions()) outbox_.put(session, encode(message::Bye{kBackAfter}));
  tell();
  ports_.finish();
  ports_.clients().socket.set_linger(kFarewell);
  ports_.consumers().socket.set_linger(kFarewell);
  return {};
}

TimePoint Server::next_deadline() const {
  TimePoint next = std::min(next_pulse_, store_.is_busy() ? next_ask_ : next_look_);
  if (held_since_) next = std::min(next, *held_since_ + kHold);
  return std::min(next, engine_.next_deadline().value_or(next));
}

// While it is busy it cannot be asked how it is; a commit that waits for room is told of all the same.
void Server::look_after_store(Moment now) {
  if (!store_.is_busy() || now.steady < next_ask_) return;
  next_ask_ = now.steady + kLook;
  std::string trouble = store_.trouble();
  if (trouble.empty()) return;
  engine_.store_has_room(0, facts_.is_store_low);
  if (facts_.store_trouble.empty()) log_event(Event::store_waits, {}, "store {}: {}", options_.store, trouble);
  facts_.store_trouble = std::move(trouble);
}

void Server::take_state(const StoreState& state) {
  engine_.store_has_room(state.room, state.is_low);
  is_store_nearly_full_ = state.is_nearly_full;
  facts_.store_room = state.room;
  if (std::exchange(facts_.is_store_low, state.is_low) != state.is_low) {
    if (state.is_low) {
      log_event(
          Event::store_low, {},
          "store {}: so little room is left that no durable job is started: free space on its volume, or wait until "
          "jobs are forgotten",
          options_.store);
    } else {
      log_event(Event::store_not_low, {}, "store {}: durable jobs are started again", options_.store);
    }
  }
  if (std::exchange(facts_.is_store_full, state.is_full) == state.is_full) return;
  if (state.is_full) {
    log_event(
        Event::store_full, {},
        "store {}: it is full: new durable jobs are refused until there is clearly more than its reserve "
        "(--store-reserve) free on its volume; the reserve is for what becomes of accepted jobs. Free space, or wait "
        "until jobs are forgotten",
        options_.store);
  } else {
    log_event(Event::store_free, {}, "store {}: it has room again, new durable jobs are accepted", options_.store);
  }
}

// decide → persist → tell. True when there may be more to do at once.
Result<bool> Server::round(Moment now) {
  const auto ahead = clock_.ahead();
  journal_.clock_is_ahead(ahead);
  engine_.clock_is_ahead(ahead, effects_);
  if (auto taken = take_commit(store_.take(), now); !taken) return tl::make_unexpected(taken.error());
  for (Port* port : {&ports_.consumers(), &ports_.clients()}) {
    if (std::exchange(port->is_all_read, false)) engine_.listened(port->role, now);
  }
  bool has_more = read(ports_.consumers(), now);
  has_more = read(ports_.clients(), now) || has_more;
  const std::vector<SessionId> unreachable = ports_.take_unreachable();
  for (const SessionId session : unreachable) {
    ports_.close(session);  // a peer that speaks on is told to say HELLO
    engine_.cut_off(session, effects_);
  }
  for (const auto& [session, is_behind] : ports_.take_behind()) engine_.set_behind(session, is_behind, now);
  intake_.tick(now.steady);
  gather();  // before the tick: it forgets finished jobs
  engine_.tick(now, effects_);
  gather();
  look_after_store(now);
  start_commit(now);
  if (held_since_ && now.steady - *held_since_ >= kHold) {
    outbox_.release();
    held_since_.reset();
  }
  tell();
  if (!outbox_.is_holding()) {
    held_since_.reset();
  } else if (!held_since_) {
    held_since_ = now.steady;
  }
  return has_more || ports_.has_unreachable();
}

void Server::tell() {
  if (intake_.waiting() > 0) journal_.intake_waits(intake_.waiting(), Clock::now());
  tell_words();
  ports_.acknowledge();
  outbox_.flush([this](SessionId session, Frame frame) { ports_.send(session, std::move(frame)); });
  for (const SessionId session : std::exchange(ended_, {})) {
    outbox_.forget(session);
    intake_.ended(session);
    ports_.forget(session);
  }
}

// Commits the records that have gathered since the last commit began, if the store is free.
void Server::start_commit(Moment now) {
  if (store_.is_busy()) return;
  if (!held_.empty() && !is_stopping_) {
    held_.advance(now, effects_);
    gather();
  }
  const bool looks = now.steady >= next_look_ || (is_store_nearly_full_ && !effects_.records.empty());
  if (effects_.records.empty() && effects_.reads.empty() && !looks) return;
  if (looks) next_look_ = now.steady + kLook;
  StoreWork work{std::nullopt, std::exchange(effects_.records, {}), std::exchange(effects_.reads, {}), looks};
  if (!work.records.empty()) {
    const BatchNumber batch = engine_.seal();
    outbox_.seal(batch);
    work.batch = batch;
  }
  effects_.records.reserve(work.records.size());  // the next commit is about as large
  commit_began_ = Clock::now();
  store_.start(std::move(work));
}

Result<void> Server::take_commit(std::optional<Result<StoreDone>> done, Moment now) {
  if (!done) return {};
  if (!*done) return tl::make_unexpected(std::move(done->error()));
  const StoreDone& stored = **done;
  if (!facts_.store_trouble.empty()) {
    log_event(Event::store_goes_on, {}, "store {}: it goes on", options_.store);
    facts_.store_trouble.clear();
    next_look_ = now.steady;
  }
  if (stored.state) take_state(*stored.state);
  if (stored.batch) {
    const TimePoint ended = Clock::now();
    held_.committed(ended - commit_began_);
    journal_.committed(ended - commit_began_, ended);
    loop_counts_.commit.observe(ended - commit_began_);
    outbox_.committed();
    engine_.committed(*stored.batch, stored.duplicates, now, effects_);
    commands_.committed(effects_);
    pending_.committed(*stored.batch);
    gather();
    if (!is_stopping_) {
      start_commit(now);  // the store need not wait for the replies
      engine_.hand_out(now, effects_);
      gather();
    }
    outbox_.flush_durable([this](SessionId session, Frame frame) { ports_.send(session, std::move(frame)); });
  }
  for (const ReadAnswer& answer : stored.answers) {
    if (!pending_.answered(answer, now, effects_)) engine_.answered(answer, now, effects_);
    gather();
  }
  return {};
}

}  // namespace zebu::broker
