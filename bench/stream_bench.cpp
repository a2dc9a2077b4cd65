// Submits jobs for bench_consumer that nobody waits for. `backlog`: as many as asked for, of three priorities in turn.
// `delayed`: each with a random time at which it is to start, or to expire.
#include "bench/job_stream.h"
#include "zebu/convert.h"

#include <CLI/CLI.hpp>

#include <array>
#include <iostream>
#include <random>

namespace {

using namespace zebu;
using namespace zebu::bench;
using bench::Clock;

constexpr std::array<std::uint8_t, 3> kPriorities{9, 4, 0};

// Of each priority, jobs are numbered from 0.
JobRequest numbered(std::uint64_t number, const std::string& payload) {
  const std::uint8_t priority = kPriorities[number % kPriorities.size()];
  JobRequest request;
  request.task = "next";
  request.args = pack_args(priority, number / kPriorities.size(), payload);
  request.options.priority = priority;
  return request;
}

// The rate of each tenth.
void run_backlog(const ClientOptions& options, std::uint64_t jobs, std::size_t payload) {
  const std::uint64_t tenth = std::max<std::uint64_t>(jobs / 10, 1);
  const std::string bytes(payload, 'x');
  const auto begin = Clock::now();
  auto tenth_began = begin;
  JobStream(
      options, jobs, [&](std::uint64_t number) { return numbered(number, bytes); },
      [&](std::uint64_t accepted) {
        if (accepted % tenth == 0) {
          const double rate = static_cast<double>(tenth) / seconds_since(tenth_began);
          print_figure("tenth_" + std::to_string(accepted / tenth) + "_per_second", rate);
          tenth_began = Clock::now();
        }
        if (accepted == jobs) print_figure("accepted_per_second", static_cast<double>(jobs) / seconds_since(begin));
      })
      .run();
}

struct Delays {
  std::uint32_t least_ms = 2'000;
  std::uint32_t most_ms = 12'000;
  bool transient = false;
  bool expire = false;  // at that time, instead of starting
  std::uint64_t queues = 1;
};

void run_delayed(const ClientOptions& options, std::uint64_t jobs, const Delays& delays) {
  std::mt19937 dice(std::random_device{}());
  std::uniform_int_distribution<std::uint32_t> delay(delays.least_ms, delays.most_ms);
  const WallTime now = Moment::now().wall;
  const auto begin = Clock::now();
  JobStream(
      options, jobs,
      [&](std::uint64_t number) {
        const WallTime due = now + std::chrono::milliseconds(delay(dice));
        JobRequest request;
        request.task = "late";
        request.args = pack_args(due.time_since_epoch().count());
        if (delays.queues > 1) request.queue = "late-" + std::to_string(number % delays.queues);
        (delays.expire ? request.options.expires_at : request.options.run_at) = due;
        request.options.transient = delays.transient;
        return request;
      },
      [](std::uint64_t) {})
      .run();
  print_figure("accepted_in_ms", seconds_since(begin) * 1000);
}

}  // namespace

int main(int argc, char** argv) {
  ClientOptions options;
  options.name = "stream_bench";
  std::uint64_t jobs = 10'000;
  std::size_t payload = 64;
  Delays delays;
  CLI::App app("Submits jobs that nobody waits for.", "stream_bench");
  app.fallthrough();
  app.require_subcommand(1);
  app.add_option("--broker", options.broker, "the broker's endpoint for clients")->capture_default_str();
  app.add_option("--jobs", jobs, "how many")->capture_default_str();
  auto* backlog = app.add_subcommand("backlog", "numbered jobs of three priorities");
  backlog->add_option("--payload", payload, "further bytes of a job")->capture_default_str();
  auto* delayed = app.add_subcommand("delayed", "jobs with a time");
  delayed->add_option("--least", delays.least_ms, "ms from now")->capture_default_str();
  delayed->add_option("--most", delays.most_ms, "ms from now")->capture_default_str();
  delayed->add_flag("--transient", delays.transient, "jobs that live in the broker's memory only");
  delayed->add_flag("--expire", delays.expire, "they expire at that time, instead of starting");
  delayed->add_option("--queues", delays.queues, "queues that they go to in turn")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    if (backlog->parsed()) {
      run_backlog(options, jobs, payload);
    } else {
      run_delayed(options, jobs, delays);
    }
  } catch (const std::exception& e) {
    std::cerr << "stream_bench: " << e.what() << '\n';
    return 1;
  }
  return 0;
}
