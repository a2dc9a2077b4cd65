// How long the broker keeps others waiting, measured from outside: an idle client sends it an ECHO every few
// milliseconds, which the loop answers at once (its lag), and asks how it is, which is answered after the commit of
// what was decided before. Both round trips are measured from when they were due. The answers also say how many
// finished jobs the broker keeps and whom it has lost. Ends with its stdin, and prints what it found.
#include "bench/figures.h"
#include "zebu/wire/link.h"

#include <CLI/CLI.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <nlohmann/json.hpp>

#include <deque>
#include <iostream>
#include <unistd.h>

namespace {

using namespace zebu;
using bench::Clock;
using bench::print_figure;
using Json = nlohmann::json;

// Finished ones, as the broker counts them.
std::uint64_t kept_of(const Json& broker) {
  std::uint64_t all = 0;
  for (const char* state : {"succeeded", "failed", "cancelled", "expired"}) {
    all += broker["jobs"].value(state, std::uint64_t{0});
  }
  return all;
}

class Peer {
 public:
  Peer(const std::string& broker, std::chrono::milliseconds pace)
      : pace_(pace), timer_(loop_), input_(loop_, ::dup(STDIN_FILENO)) {
    LinkOptions options;
    options.endpoint = broker;
    Link::Handlers handlers;
    handlers.hello = [this] {
      message::Hello hello;
      hello.name = "lag_bench";
      hello.instance = instance_;
      return encode(hello);
    };
    handlers.up = [this](const message::Welcome&) { begin(); };
    handlers.down = [this](const Error& why) {
      std::cerr << "lag_bench: " << why.message << '\n';
      ++breaks_;
      add_unanswered();
      timer_.cancel();
    };
    handlers.message = [this](const message::Message& message) { hear(message); };
    handlers.flush = [] {};
    handlers.refused = [this](const Error& why) {
      std::cerr << "lag_bench: " << why.message << '\n';
      loop_.stop();
    };
    link_ = std::make_unique<Link>(loop_, context_, options, std::move(handlers));
  }

  void run() {
    if (const auto started = link_->start(); !started) throw std::runtime_error(started.error().message);
    input_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const auto&) { loop_.stop(); });
    loop_.run();
    add_unanswered();
  }

  void print() {
    if (!began_) throw std::runtime_error("the broker has not taken this client");
    lag_.print("lag");
    answer_.print("answer");
    // What of it this machine may have added: how late this process was woken itself.
    late_.print("own");
    print_figure("breaks", breaks_);
    if (last_.is_null()) return;
    print_figure("kept_max", static_cast<double>(kept_max_));
    print_figure("kept", static_cast<double>(kept_of(last_)));
    for (const char* total : {"succeeded", "lost_sessions", "put_back", "stale_outcomes"}) {
      print_figure(total, last_["totals"][total].get<double>());
    }
  }

 private:
  void begin() {
    if (!std::exchange(began_, true)) {
      std::cout << "lag_bench ready" << std::endl;
      began_at_ = Clock::now();
    }
    due_ = Clock::now();
    wait();
  }
  void wait() {
    timer_.expires_at(due_);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) tick();
    });
  }
  void tick() {
    const auto now = Clock::now();
    late_.add(now - due_);
    // Those that were due while this process slept are one.
    echoes_.push_back(due_);
    asked_.push_back(due_);
    link_->send(encode(message::Echo{++number_}));
    link_->send(encode(message::Query{number_, "broker", {}, {}}));
    due_ = std::max(due_ + pace_, now);
    wait();
  }
  // They took at least this long.
  void add_unanswered() {
    for (const Clock::time_point due : echoes_) lag_.add(Clock::now() - due);
    for (const Clock::time_point due : asked_) answer_.add(Clock::now() - due);
    echoes_.clear();
    asked_.clear();
  }
  void hear(const message::Message& message) {
    const auto now = Clock::now();
    if (std::holds_alternative<message::Echo>(message) && !echoes_.empty()) {
      lag_.add(now - echoes_.front());
      echoes_.pop_front();
    }
    const auto* answer = std::get_if<message::Answer>(&message);
    if (answer == nullptr || asked_.empty()) return;
    answer_.add(now - asked_.front());
    asked_.pop_front();
    if (now < look_at_ && !last_.is_null()) return;
    look_at_ = now + std::chrono::seconds(1);
    last_ = Json::from_msgpack(answer->value.begin(), answer->value.end());
    kept_max_ = std::max(kept_max_, kept_of(last_));
    std::cerr << static_cast<int>(bench::seconds_since(began_at_)) << " s: " << kept_of(last_) << " kept, "
              << last_["totals"]["lost_sessions"] << " sessions lost\n";
  }

  boost::asio::io_context loop_;
  SocketContext context_;
  std::chrono::milliseconds pace_;
  boost::asio::steady_timer timer_;
  boost::asio::posix::stream_descriptor input_;
  InstanceId instance_ = Uuid::make();
  std::unique_ptr<Link> link_;
  bool began_ = false;
  Clock::time_point began_at_{};
  Clock::time_point due_{};
  Clock::time_point look_at_{};
  std::deque<Clock::time_point> echoes_;  // when those that were not answered yet were due
  std::deque<Clock::time_point> asked_;   // likewise the questions
  std::uint64_t number_ = 0;
  bench::Latencies lag_;
  bench::Latencies answer_;
  bench::Latencies late_;
  int breaks_ = 0;
  Json last_;
  std::uint64_t kept_max_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  std::string broker = "tcp://127.0.0.1:5555";
  int pace_ms = 5;
  CLI::App app("Measures how long a broker's loop keeps an idle client waiting, until its stdin ends.", "lag_bench");
  app.add_option("--broker", broker, "the broker's endpoint for clients")->capture_default_str();
  app.add_option("--pace-ms", pace_ms, "between two measurements")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    Peer peer(broker, std::chrono::milliseconds(pace_ms));
    peer.run();
    peer.print();
  } catch (const std::exception& e) {
    std::cerr << "lag_bench: " << e.what() << '\n';
    return 1;
  }
  return 0;
}
