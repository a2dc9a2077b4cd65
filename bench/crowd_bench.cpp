// Many consumers in one process, which speak the protocol and run nothing: idle ones that make a broker large, or ones
// that answer every job at once with nil. Prints a line "… ready …" when all have their sessions; ends with its stdin.
#include "zebu/wire/link.h"

#include <CLI/CLI.hpp>
#include <boost/asio/read.hpp>

#include <iostream>
#include <memory>
#include <unistd.h>

namespace {

using namespace zebu;

constexpr std::uint32_t kCredit = 1000;

struct CrowdOptions {
  std::string broker = "tcp://127.0.0.1:5556";
  std::string prefix = "idle";
  std::size_t consumers = 1;
  std::size_t queues = 1;  // of each
  std::size_t pool = 1;    // different ones of all together
  std::size_t tasks = 1;
  bool answers = false;
};

class Member {
 public:
  Member(boost::asio::io_context& loop, SocketContext& context, const CrowdOptions& options, std::size_t number,
         std::function<void()> on_up)
      : options_(options), on_up_(std::move(on_up)) {
    name_ = options.prefix + "-consumer-" + std::to_string(number);
    for (std::size_t i = 0; i < options.queues; ++i) {
      queues_.push_back(options.prefix + '-' + std::to_string((number * options.queues + i) % options.pool));
    }
    for (std::size_t i = 0; i < options.tasks; ++i) tasks_.push_back("task-" + std::to_string(i));
    LinkOptions link_options;
    link_options.endpoint = options.broker;
    Link::Handlers handlers;
    handlers.hello = [this] { return hello(); };
    handlers.up = [this](const message::Welcome&) { up(); };
    handlers.down = [](const Error&) {};
    handlers.message = [this](const message::Message& message) { hear(message); };
    handlers.flush = [] {};
    handlers.refused = [](const Error& why) {
      std::cerr << "crowd_bench: " << why.message << '\n';
      std::exit(1);
    };
    link_ = std::make_unique<Link>(loop, context, link_options, std::move(handlers));
  }

  [[nodiscard]] Result<void> start() { return link_->start(); }

 private:
  Frame hello() {
    message::Hello hello;
    hello.role = message::Role::consumer;
    hello.name = name_;
    hello.instance = instance_;
    hello.consumer.queues.assign(queues_.begin(), queues_.end());
    hello.consumer.tasks.assign(tasks_.begin(), tasks_.end());
    hello.consumer.slots = 1;
    return encode(hello);
  }
  void up() {
    link_->send(encode(message::Credit{options_.answers ? kCredit : 1}));
    on_up_();
  }
  void hear(const message::Message& message) {
    const auto* assign = std::get_if<message::Assign>(&message);
    if (assign == nullptr) return;
    Batch outcomes(message::Type::outcome);
    Outcome nil;
    nil.state = JobState::succeeded;
    nil.result = "\xc0";
    for (const message::Assignment& job : assign->jobs) outcomes.add(message::report_of(job.id, job.attempt, nil));
    link_->send(outcomes.finish(static_cast<std::uint32_t>(assign->jobs.size())));
  }

  const CrowdOptions& options_;
  std::function<void()> on_up_;
  std::string name_;
  InstanceId instance_ = Uuid::make();
  std::vector<std::string> queues_;
  std::vector<std::string> tasks_;
  std::unique_ptr<Link> link_;
};

}  // namespace

int main(int argc, char** argv) {
  CrowdOptions options;
  CLI::App app("Consumers that run nothing, many in one process.", "crowd_bench");
  app.add_option("--broker", options.broker, "the broker's endpoint for consumers")->capture_default_str();
  app.add_option("--prefix", options.prefix, "what their queues' names begin with")->capture_default_str();
  app.add_option("--consumers", options.consumers, "how many")->capture_default_str();
  app.add_option("--queues", options.queues, "queues that each serves, at most 1024")->capture_default_str();
  app.add_option("--pool", options.pool, "different queues of all together")->capture_default_str();
  app.add_option("--tasks", options.tasks, "tasks that each knows, at most 1024")->capture_default_str();
  app.add_flag("--answers", options.answers, "answer every job at once");
  CLI11_PARSE(app, argc, argv);

  boost::asio::io_context loop;
  SocketContext context;
  std::size_t up = 0;
  std::vector<std::unique_ptr<Member>> members;
  for (std::size_t i = 0; i < options.consumers; ++i) {
    members.push_back(std::make_unique<Member>(loop, context, options, i, [&] {
      if (++up == options.consumers) std::cout << "crowd_bench ready consumers=" << up << std::endl;
    }));
    if (const auto started = members.back()->start(); !started) {
      std::cerr << "crowd_bench: " << started.error().message << '\n';
      return 1;
    }
  }
  boost::asio::posix::stream_descriptor input(loop, ::dup(STDIN_FILENO));
  char byte = 0;
  boost::asio::async_read(input, boost::asio::buffer(&byte, 1),
                          [&](boost::system::error_code, std::size_t) { loop.stop(); });
  loop.run();
  members.clear();
  return 0;
}
