#pragma once

#include "broker/server/options.h"
#include "tests/simulation/random.h"
#include "tests/simulation/trace.h"
#include "zebu/job.h"
#include "zebu/wire/flow.h"

#include <optional>

namespace zebu::simulation {

// What kind of a run a seed makes: some have no faults, some many, and each its own mix.
struct Scenario {
  broker::Options options;
  std::size_t consumers = 2;
  std::size_t clients = 2;
  std::size_t queues = 1;
  std::size_t tasks = 1;
  std::size_t jobs = 50;
  Time faults_end{};     // then the faults stop, and all is to come to its end
  Time latency{};        // of the network, at most
  Time byte{};           // how long a byte takes over each link
  std::size_t part = 0;  // bytes of a message that is sent whole; longer ones travel in parts. 0: all are sent whole
  Time commit{};         // how long a commit takes, at most
  Time job{};            // how long most jobs run, at most
  Time broker_crash{};   // about how often; 0: never
  Time consumer_crash{};
  Time client_crash{};
  Time cut{};                    // a connection breaks
  Time pause{};                  // a process stands still, or all do
  Time full{};                   // the store becomes full, or has room again
  Time clock{};                  // somebody sets the wall clock
  Time people{};                 // somebody pauses, purges, …
  std::int64_t disk_errors = 0;  // per mille of the commits
  // Per cent of the jobs.
  std::int64_t failing = 0;
  std::int64_t crashing = 0;
  std::int64_t poisonous = 0;  // takes its consumer down
  std::int64_t stubborn = 0;   // runs for long and does not stop
  std::int64_t transient = 0;
  std::int64_t early = 0;
  std::int64_t unique = 0;
  std::int64_t prioritized = 0;
  std::int64_t delayed = 0;
  std::int64_t expiring = 0;
  std::int64_t retried = 0;
  std::int64_t limited = 0;
  std::int64_t short_lived = 0;  // outcomes
  std::int64_t cancelled = 0;

  [[nodiscard]] static Scenario of(Random& random);
  // For both sides of a session; unset: all messages are sent whole.
  [[nodiscard]] std::optional<FlowLimits> flow() const;
  // So many bytes for the arguments or the result of a job.
  [[nodiscard]] std::size_t value_size(Random& random) const;
  [[nodiscard]] JobOptions job_options(Random& random, WallTime now) const;
};

}  // namespace zebu::simulation
