#pragma once

#include "consumer/dispatcher.h"
#include "consumer/metrics.h"
#include "consumer/options.h"
#include "consumer/undelivered.h"
#include "consumer/unsent_progress.h"
#include "zebu/registry.h"
#include "zebu/wire/link.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace zebu::consumer {

// The consumer's side of docs/protocol.md: takes as many jobs from the broker as its slots can use, and delivers their
// outcomes, however often the connection breaks. One thread: the loop's.
class Agent {
 public:
  struct Events {
    std::function<void()> ready;               // the first session is up
    std::function<void(int)> done;             // receives the exit code; called once, as the last event
    std::function<void()> waiting = nullptr;   // there has been no broker for a while; may be empty
    std::function<void()> draining = nullptr;  // drain() was called, by whomever; may be empty
  };

  // The references outlive the agent.
  Agent(boost::asio::io_context& loop, SocketContext& context, const ConsumerOptions& options, const Registry& registry,
        const Dispatcher::MakeSlot& make_slot, Events events);

  [[nodiscard]] Result<void> start();
  // Takes no more jobs, gives back those that have not started, lets the running ones end (for at most the drain
  // timeout), delivers their outcomes, says BYE, and is done. The broker's DRAIN does the same.
  void drain();
  // Is done now. Running jobs go back to the broker.
  void quit();
  // What it has counted, if options.metric_series says so.
  [[nodiscard]] Counts& counts() { return counts_; }
  // Its metrics now, as text.
  [[nodiscard]] std::string metrics() const;
  // One line for people: what it does now.
  [[nodiscard]] std::string status() const;
  [[nodiscard]] const InstanceId& instance() const { return instance_; }
  // No job runs any more.
  [[nodiscard]] bool is_idle() const { return dispatcher_.is_idle(); }

 private:
  Link::Handlers link_handlers();
  Dispatcher::Events dispatcher_events();
  Frame hello();
  void up();
  void unheard();
  void end_stubborn();
  void handle(const message::Message& message);
  void handle_assign(const message::Assign& assign);
  void flush();
  void flush_returns();
  [[nodiscard]] std::uint32_t take_credit();
  void end_when_drained();
  void give_up_at(TimePoint time);
  void give_up();
  void finish(int exit_code);

  const ConsumerOptions& options_;
  const Registry& registry_;
  Events events_;
  InstanceId instance_ = Uuid::make();
  Counts counts_;
  Undelivered undelivered_;
  UnsentProgress unsent_progress_;
  std::vector<AttemptId> returns_;
  std::size_t credit_ = 0;  // given to the broker and not used yet
  bool was_up_ = false;
  std::optional<TimePoint> drain_until_;  // set while draining
  bool is_drain_said_ = false;
  bool is_drained_ = false;  // the broker has read that, so no ASSIGN of this session is on its way
  bool is_delivering_ = false;
  bool is_done_ = false;
  boost::asio::steady_timer drain_timer_;
  boost::asio::steady_timer stubborn_timer_;
  Link link_;
  Dispatcher dispatcher_;  // last: its slots call all of the above
};

}  // namespace zebu::consumer
