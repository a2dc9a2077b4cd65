// The same work as proxy_bench's through Zebu: echo jobs by the producer library, against a broker and consumers that
// the script has started.
#include "bench/figures.h"
#include "bench/usage.h"
#include "zebu/client.h"

#include <CLI/CLI.hpp>

#include <iostream>
#include <unistd.h>

namespace {

using namespace zebu;
using namespace zebu::bench;
using bench::Clock;

JobRequest echo_of(const std::string& payload, bool durable) {
  JobRequest request;
  request.task = "echo";
  request.args = pack_args(payload);
  request.options.transient = !durable;
  return request;
}

// to_accepted: it ends with ACCEPTED, so it is one commit for a durable job.
void round_trip(Client& client, const JobRequest& request, bool to_accepted) {
  constexpr std::chrono::seconds kLimit{60};
  const JobHandle job = client.submit(request);
  if (to_accepted) {
    const auto accepted = job.accepted(kLimit);
    if (!accepted) throw std::runtime_error(accepted.error().message);
  } else {
    const auto value = job.value(kLimit);
    if (!value) throw std::runtime_error(value.error().message);
  }
}

void measure_latency(Client& client, const JobRequest& request, int rounds, bool to_accepted,
                     const std::vector<pid_t>& pids) {
  Latencies latencies;
  for (int i = 0; i < rounds / 10; ++i) round_trip(client, request, to_accepted);
  const auto used_before = usage_of(pids);
  for (int i = 0; i < rounds; ++i) {
    const auto begin = Clock::now();
    round_trip(client, request, to_accepted);
    latencies.add(Clock::now() - begin);
  }
  print_usage("round_trip", used_before, pids, rounds);
  latencies.print("round_trip");
}

// Jobs go to the queues and tasks in turn.
double jobs_a_second(Client& client, const std::vector<JobRequest>& requests, int jobs, std::size_t window) {
  int submitted = 0;
  int failed = 0;
  const auto begin = Clock::now();
  const auto mapped = client.map(
      [&]() -> std::optional<JobRequest> {
        if (submitted == jobs) return std::nullopt;
        return requests[static_cast<std::size_t>(submitted++) % requests.size()];
      },
      [&](std::size_t, const Result<Outcome>& outcome) {
        if (!outcome || outcome->state != JobState::succeeded) ++failed;
      },
      window, std::chrono::minutes(30));
  const double rate = jobs / seconds_since(begin);
  if (!mapped) throw std::runtime_error(mapped.error().message);
  if (failed > 0) throw std::runtime_error(std::to_string(failed) + " jobs failed");
  return rate;
}

}  // namespace

int main(int argc, char** argv) {
  ClientOptions options;
  options.name = "zebu_bench";
  int rounds = 20'000;
  int jobs = 500'000;
  std::size_t window = 10'000;
  std::size_t payload = 64;
  bool durable = false;
  bool to_accepted = false;
  std::string queue;
  std::size_t queues = 1;
  std::string task = "echo";
  std::size_t tasks = 1;
  std::vector<pid_t> pids;
  CLI::App app("Measures echo jobs through a running broker and its consumers.", "zebu_bench");
  app.add_option("--broker", options.broker, "the broker's endpoint for clients")->capture_default_str();
  app.add_option("--rounds", rounds, "round trips with one job under way")->capture_default_str();
  app.add_option("--jobs", jobs, "jobs of the throughput measurement")->capture_default_str();
  app.add_option("--window", window, "jobs under way in it")->capture_default_str();
  app.add_option("--payload", payload, "bytes of a job")->capture_default_str();
  app.add_flag("--durable", durable, "jobs that the broker's store has; without it transient ones");
  app.add_flag("--to-accepted", to_accepted, "a round trip ends when the job is accepted");
  app.add_option("--queue", queue, "the queue, or what its name begins with when there are several");
  app.add_option("--queues", queues, "queues that the jobs go to in turn: QUEUE-0, QUEUE-1, ...")
      ->capture_default_str();
  app.add_option("--task", task, "the task, or what its name begins with when there are several")
      ->capture_default_str();
  app.add_option("--tasks", tasks, "tasks in turn: TASK-0, TASK-1, ...")->capture_default_str();
  app.add_option("--pids", pids, "processes whose switches and processor time a job are printed, with this one's")
      ->delimiter(',');
  CLI11_PARSE(app, argc, argv);
  pids.push_back(::getpid());
  try {
    auto client = Client::connect(options);
    if (!client) throw std::runtime_error(client.error().message);
    if (const auto up = (*client)->wait_connected(std::chrono::seconds(5)); !up) {
      throw std::runtime_error(up.error().message);
    }
    std::vector<JobRequest> requests;
    for (std::size_t i = 0; i < queues * tasks; ++i) {
      JobRequest request = echo_of(std::string(payload, 'x'), durable);
      if (!queue.empty()) request.queue = queues == 1 ? queue : queue + '-' + std::to_string(i % queues);
      request.task = tasks == 1 ? task : task + '-' + std::to_string(i / queues);
      requests.push_back(std::move(request));
    }
    if (rounds > 0) measure_latency(**client, requests.front(), rounds, to_accepted, pids);
    if (jobs == 0) return 0;
    (void)jobs_a_second(**client, requests, jobs / 10 + 1, window);  // warm
    const auto used_before = usage_of(pids);
    print_figure("jobs_per_second", jobs_a_second(**client, requests, jobs, window));
    print_usage("job", used_before, pids, jobs);
  } catch (const std::exception& e) {
    std::cerr << "zebu_bench: " << e.what() << '\n';
    return 1;
  }
  return 0;
}
