#pragma once

#include "broker/engine/engine.h"
#include "broker/store/memory/store.h"
#include "broker/store/store_thread.h"

#include <memory>

// Drives an engine with invented time and a store in memory: each call is one message and what it caused. Commits and
// reads are done when a tick is, or when a test says settle().
namespace zebu::test {

inline broker::EngineOptions engine_options() {
  broker::EngineOptions options;
  options.liveness = std::chrono::seconds(3);
  return options;
}

// For a job that is tried again exactly a second later.
inline JobOptions with_retries(std::uint32_t retries) {
  JobOptions options;
  options.retry.max = retries;
  options.retry.delay = std::chrono::seconds(1);
  options.retry.jitter = 0;
  return options;
}

class EngineDriver {
 public:
  explicit EngineDriver(const broker::EngineOptions& options = engine_options()) : options_(options) { restart(); }

  void restart(const broker::EngineOptions& options) {
    options_ = options;
    restart();
  }
  // A new engine on what the store has.
  void restart() {
    effects.clear();
    engine_ = std::make_unique<broker::Engine>(options_);
    engine_->restore(*store.recover(), now_);
  }

  broker::Engine& engine() { return *engine_; }
  Moment now() const { return now_; }
  // The broker listens all the time.
  void pass(std::chrono::milliseconds time) {
    for (std::chrono::milliseconds left = time; left.count() > 0;) {
      const auto step = std::min(left, options_.beat());
      stop_for(step);
      engine_->listened(message::Role::client, now_);
      engine_->listened(message::Role::consumer, now_);
      left -= step;
    }
  }
  // Or it does not: its process was stopped.
  void stop_for(std::chrono::milliseconds time) {
    now_.steady += time;
    now_.wall += time;
  }

  broker::SessionId client(InstanceId instance = Uuid::make()) {
    message::Hello hello;
    hello.role = message::Role::client;
    hello.name = "client";
    hello.instance = instance;
    return say_hello(hello);
  }
  broker::SessionId consumer(std::uint32_t credit, std::uint32_t slots = 1, InstanceId instance = Uuid::make(),
                             std::vector<AttemptId> runs = {}, std::vector<std::string_view> queues = {"default"},
                             std::vector<std::string_view> tasks = {"fib"}) {
    message::Hello hello;
    hello.role = message::Role::consumer;
    hello.name = "consumer";
    hello.instance = instance;
    hello.consumer = {std::move(queues), slots, std::move(tasks), message::pool::kProcesses, std::move(runs)};
    const broker::SessionId session = say_hello(hello);
    if (credit > 0) engine_->credit(session, credit, effects);
    return session;
  }
  JobId submit(broker::SessionId from, bool wait = true, JobOptions options = {}, std::string_view queue = "default",
               std::string_view task = "fib", std::string_view args = "\x91\x1e") {
    const JobId id = Uuid::make();
    engine_->submit(from, {wait, {{id, task, queue, args, options}}}, now_, effects);
    settle();
    return id;
  }
  void outcome(broker::SessionId from, const JobId& id, std::uint32_t attempt, JobState state = JobState::succeeded,
               std::uint32_t credit = 0) {
    engine_->outcome(from, {credit, {{id, attempt, state, "\x08", {}, std::chrono::microseconds(5)}}}, now_, effects);
    settle();
  }
  void fail(broker::SessionId from, const JobId& id, std::uint32_t attempt, ErrorKind kind = ErrorKind::failure) {
    message::Report report{id, attempt, JobState::failed, {}, {"Boom", "it broke", {}, kind}, {}};
    engine_->outcome(from, {0, {report}}, now_, effects);
    settle();
  }
  void tick() {
    settle();
    engine_->tick(now_, effects);
    settle();
  }
  // Commits, and reads what was asked for, until nothing is left.
  void settle() {
    while (!effects.records.empty() || !effects.reads.empty()) {
      const std::vector<broker::Record> records = std::exchange(effects.records, {});
      written.insert(written.end(), records.begin(), records.end());
      const std::vector<broker::Read> reads = std::exchange(effects.reads, {});
      if (!records.empty()) {
        const broker::BatchNumber batch = engine_->seal();
        engine_->committed(batch, *store.commit(records), now_, effects);
      }
      for (const broker::Read& read : reads) engine_->answered(*broker::perform(store, read), now_, effects);
    }
  }

  JobState state_of(const JobId& id) {
    settle();
    return engine_->jobs().find(id)->state;
  }
  // Takes what was decided since the last take.
  broker::Effects take() {
    settle();
    return std::exchange(effects, {});
  }
  // Ticks and says which (job, attempt) went to `consumer`, in order.
  std::vector<AttemptId> assigned_to(broker::SessionId consumer) {
    tick();
    std::vector<AttemptId> list;
    for (const auto& [session, job, batch] : effects.assigned) {
      if (session == consumer) list.push_back({job.job->id, job.uses.attempt});
    }
    effects.assigned.clear();
    return list;
  }

  broker::Effects effects;
  broker::MemoryStore store;
  std::vector<broker::Record> written;  // all records so far

 private:
  broker::SessionId say_hello(const message::Hello& hello) {
    engine_->hello(++last_session_, hello, now_, effects);
    return last_session_;
  }

  broker::EngineOptions options_;
  std::unique_ptr<broker::Engine> engine_;
  broker::SessionId last_session_ = 0;
  Moment now_{TimePoint(std::chrono::hours(1)), WallTime(std::chrono::hours(24 * 365))};
};

}  // namespace zebu::test
