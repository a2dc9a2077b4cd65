// HTTP load with exact latencies: GETs of one target over keep-alive connections, by one thread. With --rate requests
// are due at fixed times, and a latency counts from when its request was due: a server that stalls cannot hide it.
// Without, each connection sends its next request when it has its answer; as many requests as connections are "all at
// once".
#include "bench/figures.h"
#include "bench/usage.h"

#include <CLI/CLI.hpp>
#include <sys/socket.h>

#include <charconv>
#include <iostream>
#include <netdb.h>
#include <optional>
#include <poll.h>
#include <string>
#include <unistd.h>

namespace {

using namespace zebu::bench;

struct Options {
  std::string host = "127.0.0.1";
  std::string port = "8080";
  std::string target = "/fast";
  std::string expect;
  std::size_t connections = 1;
  std::size_t requests = 1'000;
  double rate = 0;
  std::vector<pid_t> pids;  // of the server's processes
  bool by_thread = false;
};

struct Connection {
  int socket = -1;
  std::string received;
  std::optional<Clock::time_point> since;  // a request is under way
};

int connect_to(const Options& options) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(options.host.c_str(), options.port.c_str(), &hints, &found) != 0) return -1;
  const int number = ::socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, found->ai_protocol);
  const bool connected = number >= 0 && ::connect(number, found->ai_addr, found->ai_addrlen) == 0;
  ::freeaddrinfo(found);
  return connected ? number : -1;
}

// The body of the response at the start of `received`, once it is whole.
std::optional<std::string> whole_body(const std::string& received) {
  static constexpr std::string_view kLength = "Content-Length: ";
  const std::size_t end = received.find("\r\n\r\n");
  const std::size_t at = received.find(kLength);
  if (end == std::string::npos || at > end) return std::nullopt;
  std::size_t length = 0;
  std::from_chars(received.data() + at + kLength.size(), received.data() + end, length);
  if (received.size() < end + 4 + length) return std::nullopt;
  return received.substr(end + 4, length);
}

class Load {
 public:
  explicit Load(const Options& options) : options_(options) {
    request_ = "GET " + options.target + " HTTP/1.1\r\nHost: " + options.host + "\r\n\r\n";
    connections_.resize(options.connections);
    for (Connection& connection : connections_) {
      connection.socket = connect_to(options);
      if (connection.socket < 0) throw std::runtime_error("cannot connect to " + options.host + ":" + options.port);
      watched_.push_back({connection.socket, POLLIN, 0});
    }
  }

  void run() {
    const auto used_before = usage_of(options_.pids);
    begin_ = Clock::now();
    while (answered_ < options_.requests) {
      start_due();
      wait();
      for (std::size_t i = 0; i < connections_.size(); ++i) {
        if (watched_[i].revents != 0) receive(connections_[i]);
      }
    }
    print_figure("seconds", seconds_since(begin_));
    print_figure("requests_per_second", static_cast<double>(answered_) / seconds_since(begin_));
    print_figure("wrong", static_cast<double>(wrong_));
    latencies_.print("latency");
    if (options_.pids.empty()) return;
    print_usage("request", used_before, options_.pids, static_cast<double>(answered_), options_.by_thread);
  }

 private:
  [[nodiscard]] Clock::time_point due(std::size_t request) const {
    if (options_.rate <= 0) return begin_;
    return begin_ + std::chrono::duration_cast<Clock::duration>(
                        std::chrono::duration<double>(static_cast<double>(request) / options_.rate));
  }

  void start_due() {
    const auto now = Clock::now();
    for (Connection& connection : connections_) {
      if (started_ == options_.requests || due(started_) > now) return;
      if (connection.since) continue;
      connection.since = options_.rate > 0 ? due(started_) : Clock::now();
      ++started_;
      if (::send(connection.socket, request_.data(), request_.size(), MSG_NOSIGNAL) !=
          static_cast<ssize_t>(request_.size())) {
        throw std::runtime_error("a connection was closed");
      }
    }
  }

  void wait() {
    timespec limit{1, 0};
    if (started_ < options_.requests) {
      const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(due(started_) - Clock::now()).count();
      limit = {left > 0 ? left / 1'000'000'000 : 0, left > 0 ? left % 1'000'000'000 : 0};
      // All connections are busy: only an answer lets the next request start.
      if (left <= 0) limit = {0, 100'000};
    }
    ::ppoll(watched_.data(), watched_.size(), &limit, nullptr);
  }

  void receive(Connection& connection) {
    char bytes[4096];
    const ssize_t got = ::recv(connection.socket, bytes, sizeof bytes, 0);
    if (got <= 0) throw std::runtime_error("a connection was closed");
    connection.received.append(bytes, static_cast<std::size_t>(got));
    const auto body = whole_body(connection.received);
    if (!body || !connection.since) return;
    latencies_.add(Clock::now() - *connection.since);
    if (!connection.received.starts_with("HTTP/1.1 200") || (!options_.expect.empty() && *body != options_.expect))
      ++wrong_;
    connection.received.clear();
    connection.since.reset();
    ++answered_;
  }

  const Options& options_;
  std::string request_;
  std::vector<Connection> connections_;
  std::vector<pollfd> watched_;
  Clock::time_point begin_{};
  std::size_t started_ = 0;
  std::size_t answered_ = 0;
  std::size_t wrong_ = 0;
  Latencies latencies_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Loads one target of an HTTP server and measures.", "http_bench");
  app.add_option("--host", options.host, "the server's address")->capture_default_str();
  app.add_option("--port", options.port, "the server's port")->capture_default_str();
  app.add_option("--target", options.target, "what to GET")->capture_default_str();
  app.add_option("--expect", options.expect, "the body that every answer must have");
  app.add_option("--connections", options.connections, "connections, opened before the first request")
      ->capture_default_str();
  app.add_option("--requests", options.requests, "requests in all")->capture_default_str();
  app.add_option("--rate", options.rate, "requests a second; 0: as fast as the answers come")->capture_default_str();
  app.add_option("--pids", options.pids, "processes whose context switches and processor time a request are printed")
      ->delimiter(',');
  app.add_flag("--by-thread", options.by_thread, "with --pids: the switches of each thread as well");
  CLI11_PARSE(app, argc, argv);
  try {
    Load(options).run();
  } catch (const std::exception& e) {
    std::cerr << "http_bench: " << e.what() << '\n';
    return 1;
  }
  return 0;
}
