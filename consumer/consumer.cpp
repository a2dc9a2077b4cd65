#include "zebu/consumer.h"

#include "consumer/agent.h"
#include "consumer/cli.h"
#include "consumer/hooks.h"
#include "consumer/slots/process/children.h"
#include "consumer/slots/process/main.h"
#include "consumer/slots/process/slot.h"
#include "consumer/slots/thread_slot.h"
#include "scrape/port.h"
#include "zebu/program/log.h"
#include "zebu/program/loop_pulse.h"
#include "zebu/program/stop_signal.h"
#include "zebu/version.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>

namespace zebu {
namespace consumer {
namespace {

// The main thread makes the slots, because it also runs the loop: children die with the thread that started them.
Dispatcher::MakeSlot slot_maker(boost::asio::io_context& loop, const ConsumerOptions& options,
                                const ProcessSlotOptions& process_options, Children* children) {
  if (options.pool == PoolKind::threads) {
    return [&loop](const SlotEvents& events) { return std::make_unique<ThreadSlot>(loop, events); };
  }
  return [&loop, &process_options, children](const SlotEvents& events) -> std::unique_ptr<Slot> {
    return std::make_unique<ProcessSlot>(loop, events, process_options, *children);
  };
}

// The first stop signal asks the agent to drain, a further SIGTERM or SIGINT to quit. A terminal that closes may send
// several SIGHUP.
class StopSignalHandler {
 public:
  StopSignalHandler(boost::asio::io_context& loop, const StopSignal& signal, Agent& agent)
      : signal_(signal), descriptor_(loop, signal.descriptor()), agent_(agent) {
    watch();
  }
  ~StopSignalHandler() { descriptor_.release(); }

 private:
  void watch() {
    descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                           [this](const boost::system::error_code& error) {
                             if (error) return;
                             if (const auto number = signal_.take()) stop(*number);
                             watch();
                           });
  }
  void stop(int number) {
    if (!std::exchange(has_signal_, true)) {
      log_event(Event::stopping, {{"signal", ::sigabbrev_np(number)}}, "stopping: SIG{}", ::sigabbrev_np(number));
      agent_.drain();
    } else if (number != SIGHUP) {
      agent_.quit();
    }
  }

  const StopSignal& signal_;
  boost::asio::posix::stream_descriptor descriptor_;
  Agent& agent_;
  bool has_signal_ = false;
};

void log_started(const ConsumerOptions& options) {
  std::string queues;
  for (const std::string& queue : options.queues) queues += (queues.empty() ? "" : ",") + queue;
  log_event(Event::consumer_started,
            {{"version", kVersion},
             {"consumer", options.name},
             {"broker", options.broker},
             {"slots", options.slots},
             {"pool", options.pool == PoolKind::threads ? message::pool::kThreads : message::pool::kProcesses},
             {"queues", queues}},
            "looking for the broker at {}", options.broker);
}

int run(const ConsumerOptions& options, const Registry& registry) {
  const StopSignal signal;
  Notifier notifier;
  raise_open_files();
  if (options.pool == PoolKind::threads && registry.has_hooks() && !run_hooks(registry, signal.descriptor())) {
    log_event(Event::stopped, {}, "stopped before the hooks of on_start had ended");
    flush_log();
    std::_Exit(EXIT_SUCCESS);  // their thread cannot be ended otherwise
  }
  boost::asio::io_context loop(1);
  auto context = std::make_unique<SocketContext>();
  const ProcessSlotOptions process_options{options.program, options.cancel_grace, options.slot_memory,
                                           options.max_jobs_per_child, registry.has_hooks()};
  std::optional<Children> children;
  if (options.pool == PoolKind::processes) children.emplace(loop);
  int exit_code = EXIT_FAILURE;
  Agent::Events events;
  metrics::Mailbox mailbox;
  std::optional<scrape::Port> port;
  events.ready = [&] {
    std::cout << "zebu-consumer ready name=" << options.name << " slots=" << options.slots
              << (port ? " metrics=http://" + port->address() : "") << std::endl;
    notifier.ready();
  };
  events.done = [&](int code) {
    exit_code = code;
    loop.stop();
  };
  events.waiting = [&] { notifier.ready(); };  // systemd is not to wait for another machine
  events.draining = [&] { notifier.stopping(); };
  Agent agent(loop, *context, options, registry,
              slot_maker(loop, options, process_options, children ? &*children : nullptr), std::move(events));
  name_log_instance(agent.instance().to_string());
  const StopSignalHandler stops(loop, signal, agent);
  LoopPulse pulse(loop, notifier, [&agent] { return agent.status(); });
  if (options.metrics.is_on()) {
    port.emplace("zebu-consumer", options.metrics, mailbox);
    if (const auto listening = port->start(); !listening) {
      log_event(Event::start_failed, {}, "{}", listening.error().message);
      return EXIT_FAILURE;
    }
    pulse.also([&](TimePoint::duration late) {
      agent.counts().lag.observe(late);
      mailbox.renew(Clock::now(), [&] { return agent.metrics(); });
    });
  }
  pulse.start();
  if (const auto started = agent.start(); !started) {
    log_event(Event::start_failed, {}, "{}", started.error().message);
    return EXIT_FAILURE;
  }
  log_started(options);
  loop.run();
  // Waits until the last messages have been sent.
  context.reset();
  log_event(Event::stopped, {}, "stopped");
  // A thread that runs a job can only be ended together with the process.
  if (!agent.is_idle() && options.pool == PoolKind::threads) {
    flush_log();
    std::_Exit(exit_code);
  }
  return exit_code;
}

}  // namespace
}  // namespace consumer

int run_consumer(int argc, char** argv, const Registry& registry, const Registry* test_tasks) {
  Registry all = registry;
  if (test_tasks != nullptr) all.add_all(*test_tasks);
  if (const auto exit_code = consumer::run_as_slot(argc, argv, all)) return *exit_code;
  consumer::ConsumerOptions options;
  bool with_test_tasks = false;
  const auto exit_code =
      consumer::parse_options(argc, argv, options, test_tasks == nullptr ? nullptr : &with_test_tasks);
  if (exit_code) return *exit_code;
  start_log({options.program, options.log_level, options.log_format});
  try {
    return consumer::run(options, with_test_tasks ? all : registry);
  } catch (const std::exception& e) {
    log_event(Event::start_failed, {}, "{}", e.what());
    return EXIT_FAILURE;
  }
}

}  // namespace zebu
