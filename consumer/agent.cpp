#include "consumer/agent.h"

#include "consumer/slots/run_task.h"
#include "zebu/program/log.h"
#include "zebu/program/trace_id.h"

#include <algorithm>
#include <cstdlib>

namespace zebu::consumer {
namespace {

// With this many outcomes that the broker has not confirmed, the consumer takes no more jobs. HELLO can name twice as
// many.
constexpr std::size_t kMaxUndelivered = 32'768;

// Processes are killed at once, threads need time to see their token.
std::optional<std::chrono::milliseconds> unheard_margin(const ConsumerOptions& options) {
  if (options.on_silence == OnSilence::keep) return std::nullopt;
  return options.pool == PoolKind::threads ? options.cancel_grace : std::chrono::milliseconds(0);
}

void log_received(const message::Assignment& job) {
  const std::string id = job.id.to_string();
  log_event(Event::job_received,
            {{"job", id},
             {"task", job.task},
             {"queue", job.queue},
             {"attempt", job.attempt},
             {"trace_id", trace_id_in(job.options.headers)}},
            "job {} has come", id);
}

void log_ended(const Finished& ended) {
  const std::string id = ended.id.job.to_string();
  log_event(Event::job_ended,
            {{"job", id},
             {"attempt", ended.id.attempt},
             {"outcome", to_string(ended.outcome.state)},
             {"error_type", ended.outcome.error.type}},
            "job {} has ended: {}", id, to_string(ended.outcome.state));
}

}  // namespace

Agent::Agent(boost::asio::io_context& loop, SocketContext& context, const ConsumerOptions& options,
             const Registry& registry, const Dispatcher::MakeSlot& make_slot, Events events)
    : options_(options),
      registry_(registry),
      events_(std::move(events)),
      counts_(options.metrics.is_on() ? options.metrics.series : 0),
      drain_timer_(loop),
      stubborn_timer_(loop),
      link_(loop, context, LinkOptions{options.broker, options.liveness, {}, unheard_margin(options)}, link_handlers()),
      dispatcher_(loop, options.slots, make_slot, dispatcher_events()) {}

Result<void> Agent::start() { return link_.start(); }

Link::Handlers Agent::link_handlers() {
  Link::Handlers h;
  h.hello = [this] { return hello(); };
  h.up = [this](const message::Welcome&) { up(); };
  h.down = [this](const Error& why) {
    log_event(Event::broker_lost, {{"broker", options_.broker}}, "lost the broker: {}", why.message);
    end_when_drained();  // DRAINED may never come
  };
  h.put_off = [this](const Error& why) {
    log_event(Event::broker_put_off, {{"broker", options_.broker}, {"code", to_string(why.code)}},
              "the broker at {} does not take this consumer now: {}", options_.broker, why.message);
  };
  h.waiting = [this](const Finding& why, std::chrono::milliseconds time) {
    log_event(Event::broker_awaited, {{"broker", options_.broker}, {"cause", why.cause}, {"waited_ms", time}},
              "waiting for the broker at {}: {}", options_.broker, why.text);
    if (events_.waiting) events_.waiting();
  };
  h.unheard = [this] { unheard(); };
  h.message = [this](const message::Message& message) { handle(message); };
  h.flush = [this] { flush(); };
  h.refused = [this](const Error& why) {
    log_event(Event::broker_refused, {{"broker", options_.broker}, {"code", to_string(why.code)}},
              "the broker at {} refuses this consumer: {}", options_.broker, why.message);
    finish(EXIT_FAILURE);
  };
  return h;
}

Dispatcher::Events Agent::dispatcher_events() {
  Dispatcher::Events e;
  e.finished = [this](std::vector<Finished> finished) {
    for (Finished& f : finished) {
      if (is_logged(Event::job_ended)) log_ended(f);
      counts_.ended(f);
      undelivered_.add(std::move(f));
    }
    link_.request_flush();
    end_when_drained();
  };
  e.given_back = [this](std::vector<AttemptId> ids) {
    returns_.insert(returns_.end(), ids.begin(), ids.end());
    link_.request_flush();
    end_when_drained();
  };
  e.progress = [this](const ProgressUpdate& update) {
    unsent_progress_.add(update);
    link_.request_flush();
  };
  e.ready = [this] { link_.request_flush(); };
  e.slot_died = [this](bool was_killed) { ++(was_killed ? counts_.slots_killed : counts_.slots_died); };
  return e;
}

Frame Agent::hello() {
  message::Hello hello;
  hello.role = message::Role::consumer;
  hello.name = options_.name;
  hello.instance = instance_;
  hello.consumer.queues.assign(options_.queues.begin(), options_.queues.end());
  hello.consumer.slots = static_cast<std::uint32_t>(options_.slots);
  hello.consumer.tasks = registry_.names();
  hello.consumer.pool = options_.pool == PoolKind::threads ? message::pool::kThreads : message::pool::kProcesses;
  undelivered_.list(hello.consumer.runs);
  dispatcher_.list(hello.consumer.runs);
  // The new session starts from the attempts in `runs`. Jobs that were given back are not among them, so the broker
  // takes them back.
  undelivered_.start_session();
  returns_.clear();
  credit_ = 0;
  is_drain_said_ = is_drained_ = false;
  return encode(hello);
}

void Agent::up() {
  log_event(Event::broker_connected, {{"broker", options_.broker}}, "{} at {}",
            was_up_ ? "the broker is back" : "connected to the broker", options_.broker);
  if (!std::exchange(was_up_, true)) events_.ready();
  link_.request_flush();
}

// The broker may give this consumer's jobs to others soon. What has ended, is still delivered.
void Agent::unheard() {
  if (dispatcher_.held() == 0) return;
  log_event(Event::jobs_abandoned, {{"jobs", dispatcher_.held()}},
            "the broker at {} does not confirm that it hears this consumer: its {} jobs are stopped, because others "
            "may get them (--on-silence stop)",
            options_.broker, dispatcher_.held());
  dispatcher_.abandon();
  end_when_drained();
  if (is_done_ || !dispatcher_.runs_abandoned()) return;
  stubborn_timer_.expires_after(options_.cancel_grace);
  stubborn_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) end_stubborn();
  });
}

void Agent::end_stubborn() {
  if (!dispatcher_.runs_abandoned()) return;
  log_event(Event::task_stubborn, {},
            "a task ignores its token, and its thread cannot be killed: this consumer ends, because another one may "
            "have got the job");
  finish(EXIT_FAILURE);
}

void Agent::handle(const message::Message& message) {
  if (const auto* assign = std::get_if<message::Assign>(&message)) {
    handle_assign(*assign);
  } else if (const auto* kept = std::get_if<message::Kept>(&message)) {
    undelivered_.keep(*kept);
    end_when_drained();
  } else if (const auto* stop = std::get_if<message::Stop>(&message)) {
    dispatcher_.stop(stop->jobs);
  } else if (std::holds_alternative<message::Drain>(message)) {
    drain();
  } else if (std::holds_alternative<message::Drained>(message)) {
    is_drained_ = true;
    end_when_drained();
  } else if (const auto* error = std::get_if<message::ErrorReport>(&message)) {
    log_event(Event::broker_error, {{"code", to_string(error->code)}}, "the broker reports an error: {}",
              error->message);
  }
}

void Agent::handle_assign(const message::Assign& assign) {
  credit_ -= std::min(credit_, assign.jobs.size() + assign.bad.size());
  for (const message::Assignment& job : assign.jobs) {
    if (is_logged(Event::job_received)) log_received(job);
    if (const Task* task = registry_.find(job.task)) {
      dispatcher_.add(job_of(job, task));
    } else {
      undelivered_.add({{job.id, job.attempt}, unknown_task(job.task)});
    }
  }
  for (const message::BadEntry& bad : assign.bad) {
    log_event(Event::job_unreadable, {{"job", bad.id ? bad.id->to_string() : ""}, {"attempt", bad.attempt}},
              "a job from the broker cannot be read: {}", bad.why);
    if (bad.id && bad.attempt > 0) undelivered_.add({{*bad.id, bad.attempt}, unreadable_assignment(bad.why)});
  }
  link_.request_flush();
}

// Called once per round of the loop, after all its messages.
void Agent::flush() {
  dispatcher_.dispatch();
  flush_returns();
  if (drain_until_ && !std::exchange(is_drain_said_, true)) link_.send(encode(message::Drain{}));
  const auto send = [this](Frame frame) { link_.send(std::move(frame)); };
  const message::Welcome& welcome = link_.welcome();
  unsent_progress_.send(welcome.max_part, send);
  const std::uint32_t credit = undelivered_.send(take_credit(), {welcome.max_message, welcome.max_part}, send);
  if (credit > 0) link_.send(encode(message::Credit{credit}));
}

void Agent::flush_returns() {
  if (returns_.empty()) return;
  Batch batch(message::Type::return_);
  for (const AttemptId& id : returns_) {
    if (batch.is_full(32, link_.welcome().max_part)) link_.send(batch.finish(0));
    batch.add(id);
  }
  link_.send(batch.finish(0));
  returns_.clear();
  credit_ = 0;  // RETURN takes it back; new credit follows
}

// The credit to add to the broker's. It is given in steps of at least min_credit(), because every message costs both
// sides a wake-up.
std::uint32_t Agent::take_credit() {
  const std::size_t have = dispatcher_.held() + credit_;
  const std::size_t wanted = dispatcher_.wanted();
  if (have + dispatcher_.min_credit() > wanted || undelivered_.size() >= kMaxUndelivered) return 0;
  credit_ += wanted - have;
  return static_cast<std::uint32_t>(wanted - have);
}

std::string Agent::metrics() const {
  return metrics_text(counts_, {dispatcher_.slots(), dispatcher_.held(), undelivered_.size(), link_.is_up()});
}

std::string Agent::status() const {
  return std::string(drain_until_ ? "draining; " : "") + std::to_string(dispatcher_.held()) + " jobs in " +
         std::to_string(options_.slots) + " slots; " + (link_.is_up() ? "connected to " : "without its broker at ") +
         options_.broker;
}

// ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────────

void Agent::drain() {
  if (drain_until_) return;
  log_event(Event::draining, {{"jobs", dispatcher_.held()}}, "draining: {} jobs have not ended", dispatcher_.held());
  if (events_.draining) events_.draining();
  drain_until_ = Clock::now() + options_.drain_timeout;
  give_up_at(*drain_until_);
  dispatcher_.drain();
  link_.request_flush();
  end_when_drained();
}

// All jobs have ended: what is left is that the broker hears of it. Jobs that it assigned before it read DRAIN are
// still to come, and go back unstarted.
void Agent::end_when_drained() {
  if (!drain_until_ || is_done_ || dispatcher_.held() > 0) return;
  if (undelivered_.empty()) {
    if (is_drained_ || !link_.is_up()) finish(EXIT_SUCCESS);
  } else if (!std::exchange(is_delivering_, true)) {
    // Enough time for the broker to restart.
    give_up_at(std::max(*drain_until_, Clock::now() + 2 * options_.liveness));
  }
}

void Agent::give_up_at(TimePoint time) {
  drain_timer_.expires_at(time);
  drain_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) give_up();
  });
}

void Agent::give_up() {
  if (is_delivering_) {
    log_event(Event::outcomes_lost, {{"jobs", undelivered_.size()}},
              "the broker at {} did not confirm {} outcomes: they are lost, and their jobs will run again",
              options_.broker, undelivered_.size());
    finish(EXIT_FAILURE);
  } else {
    log_event(Event::drain_timed_out, {{"jobs", dispatcher_.held()}},
              "{} jobs did not end in time: they go back to the broker", dispatcher_.held());
    finish(EXIT_SUCCESS);
  }
}

void Agent::quit() {
  log_event(Event::stopping_at_once, {{"jobs", dispatcher_.held()}}, "stopping at once: {} jobs go back to the broker",
            dispatcher_.held());
  finish(EXIT_FAILURE);
}

// BYE covers the returns that have not been sent: all jobs of this session go back.
void Agent::finish(int exit_code) {
  if (std::exchange(is_done_, true)) return;
  drain_timer_.cancel();
  stubborn_timer_.cancel();
  if (link_.is_up()) flush();
  link_.close();
  events_.done(exit_code);
}

}  // namespace zebu::consumer
