// What ZeroMQ alone can do: a bare zmq_proxy between a ROUTER and a DEALER, echo workers, one message a job, all over
// TCP loopback, each part a process of its own, as Zebu's are.
#include "bench/figures.h"
#include "bench/usage.h"

#include <CLI/CLI.hpp>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <zmq.hpp>

#include <csignal>
#include <unistd.h>

namespace {

using namespace zebu::bench;

constexpr int kNoLimit = 0;

zmq::socket_t connected(zmq::context_t& context, const std::string& endpoint) {
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::sndhwm, kNoLimit);
  socket.set(zmq::sockopt::rcvhwm, kNoLimit);
  socket.set(zmq::sockopt::linger, 0);
  socket.connect(endpoint);
  return socket;
}

std::string bound(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::sndhwm, kNoLimit);
  socket.set(zmq::sockopt::rcvhwm, kNoLimit);
  socket.bind("tcp://127.0.0.1:*");
  return socket.get(zmq::sockopt::last_endpoint);
}

// Writes both endpoints to `report`, then forwards for ever.
void run_proxy(int report) {
  zmq::context_t context;
  zmq::socket_t front(context, zmq::socket_type::router);
  zmq::socket_t back(context, zmq::socket_type::dealer);
  const std::string endpoints = bound(front) + " " + bound(back) + "\n";
  if (::write(report, endpoints.data(), endpoints.size()) < 0) return;
  ::close(report);
  zmq::proxy(front, back);
}

// Sends back what comes, with its routing id before it.
void run_worker(const std::string& endpoint) {
  zmq::context_t context;
  zmq::socket_t socket = connected(context, endpoint);
  for (;;) {
    zmq::message_t part;
    if (!socket.recv(part)) return;
    const auto more = part.more() ? zmq::send_flags::sndmore : zmq::send_flags::none;
    socket.send(part, more);
  }
}

// A child that ends with us.
template <class Work>
pid_t spawn(Work work) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  work();
  ::_exit(0);
}

void round_trip(zmq::socket_t& socket, const std::string& payload) {
  zmq::message_t reply;
  socket.send(zmq::buffer(payload));
  if (!socket.recv(reply) || reply.size() != payload.size()) throw std::runtime_error("a wrong echo");
}

void measure_latency(zmq::socket_t& socket, const std::string& payload, int rounds, const std::vector<pid_t>& all) {
  Latencies latencies;
  for (int i = 0; i < rounds / 10; ++i) round_trip(socket, payload);
  const auto used_before = usage_of(all);
  for (int i = 0; i < rounds; ++i) {
    const auto begin = Clock::now();
    round_trip(socket, payload);
    latencies.add(Clock::now() - begin);
  }
  print_usage("round_trip", used_before, all, rounds);
  latencies.print("round_trip");
}

double jobs_a_second(zmq::socket_t& socket, const std::string& payload, int jobs, int window) {
  const auto begin = Clock::now();
  zmq::message_t reply;
  int sent = 0;
  for (int received = 0; received < jobs;) {
    while (sent < jobs && sent - received < window) {
      socket.send(zmq::buffer(payload));
      ++sent;
    }
    if (!socket.recv(reply)) break;
    ++received;
    while (received < sent && socket.recv(reply, zmq::recv_flags::dontwait)) ++received;
  }
  return jobs / seconds_since(begin);
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 20'000;
  int jobs = 500'000;
  int window = 10'000;
  int workers = 2;
  std::size_t payload = 64;
  CLI::App app("Measures a bare zmq_proxy with echo workers.", "proxy_bench");
  app.add_option("--rounds", rounds, "round trips with one job under way")->capture_default_str();
  app.add_option("--jobs", jobs, "jobs of the throughput measurement")->capture_default_str();
  app.add_option("--window", window, "jobs under way in it")->capture_default_str();
  app.add_option("--workers", workers, "echo workers")->capture_default_str();
  app.add_option("--payload", payload, "bytes of a job")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  int report[2];
  if (::pipe(report) != 0) return 1;
  std::vector<pid_t> children;
  children.push_back(spawn([&] { run_proxy(report[1]); }));
  ::close(report[1]);
  FILE* endpoints = ::fdopen(report[0], "r");
  char front[128];
  char back[128];
  if (endpoints == nullptr || std::fscanf(endpoints, "%127s %127s", front, back) != 2) return 1;
  // Forked before this process has a ZeroMQ context.
  for (int i = 0; i < workers; ++i) children.push_back(spawn([&] { run_worker(back); }));
  {
    zmq::context_t context;
    zmq::socket_t socket = connected(context, front);
    const std::string bytes(payload, 'x');
    std::vector<pid_t> all = children;
    all.push_back(::getpid());
    measure_latency(socket, bytes, rounds, all);
    (void)jobs_a_second(socket, bytes, jobs / 10 + 1, window);  // warm
    const auto used_before = usage_of(all);
    print_figure("jobs_per_second", jobs_a_second(socket, bytes, jobs, window));
    print_usage("job", used_before, all, jobs);
  }
  for (const pid_t child : children) ::kill(child, SIGKILL);
  for (const pid_t child : children) ::waitpid(child, nullptr, 0);
  return 0;
}
