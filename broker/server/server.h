#pragma once

#include "broker/server/broker_clock.h"
#include "broker/server/commands.h"
#include "broker/server/held_values.h"
#include "broker/server/intake.h"
#include "broker/server/journal.h"
#include "broker/server/metrics.h"
#include "broker/server/options.h"
#include "broker/server/outboxes.h"
#include "broker/server/ports.h"
#include "broker/server/queries.h"
#include "broker/store/store_thread.h"
#include "zebu/metrics/mailbox.h"
#include "zebu/program/notify.h"

#include <functional>
#include <memory>
#include <string>

namespace zebu::broker {

// The broker's loop: owns both sockets, the engine and the store's thread. A round reads the messages that
// have arrived, lets the engine decide, passes records to the store, and sends the replies that depend on no commit or
// on a durable one.
class Server {
 public:
  // Binds both endpoints and recovers the store. An error says which of them failed, and why.
  [[nodiscard]] static Result<std::unique_ptr<Server>> create(const Options& options, std::unique_ptr<Store> store);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The endpoints, with the ports that the kernel chose.
  [[nodiscard]] const std::string& clients_endpoint() const { return ports_.clients().socket.endpoint(); }
  [[nodiscard]] const std::string& consumers_endpoint() const { return ports_.consumers().socket.endpoint(); }

  // Leaves the metrics there when somebody asks, about once a second. `metrics` outlives it. Call it before run().
  void report_to(metrics::Mailbox& metrics) { metrics_ = &metrics; }

  // Runs until `stop` becomes readable, then calls `stopping`, commits its decisions and sends the replies. Fails if
  // the store does: then nothing was acknowledged that is not in the store. The notifier hears of the loop about once a
  // second, as alive unless the store is stuck.
  [[nodiscard]] Result<void> run(int stop, Notifier& notifier, const std::function<void()>& stopping);

 private:
  struct Handler;

  Server(const Options& options, std::unique_ptr<Store> store, const Recovered& recovered, Router clients,
         Router consumers);

  [[nodiscard]] bool wait(int stop, std::chrono::milliseconds timeout);
  [[nodiscard]] Result<bool> round(Moment now);
  [[nodiscard]] Result<void> finish();
  [[nodiscard]] Result<void> take_commit(std::optional<Result<StoreDone>> done, Moment now);
  void start_commit(Moment now);
  void look_after_store(Moment now);
  void take_state(const StoreState& state);
  void tell();
  void tell_words();
  [[nodiscard]] TimePoint next_deadline() const;
  void pulse(Notifier& notifier, TimePoint now);
  void report_metrics(TimePoint now);
  void refuse_hello(Port& port, const message::Hello& hello, const Error& why);
  void note_errors(TimePoint now);
  [[nodiscard]] bool read(Port& port, Moment now);
  void handle_frame(Port& port, Moment now);
  void handle(Port& port, std::optional<SessionId> session, Bytes bytes, bool in_parts, Moment now);
  void handle_part(Port& port, SessionId session, const message::Part& part, Moment now);
  void handle_hello(Port& port, const message::Hello& hello, Moment now);
  void handle(SessionId session, const message::Message& message, bool in_parts, Moment now);
  void complain(SessionId session, const message::Message& message);
  void refuse(Port& port, std::optional<SessionId> session, const Error& why, message::About about);
  void send_refusal(Port& port, std::optional<SessionId> session, const Error& why, message::About about);
  void gather();

  Options options_;
  BrokerClock clock_;
  AdaptiveSpin spin_;              // waits for a commit or a message
  AdaptiveSpin spin_for_outcome_;  // waits for a message while few jobs run
  StoreThread store_;
  FlowLimits flow_;
  Ports ports_;
  Intake intake_;
  Engine engine_;
  HeldValues held_;
  Effects effects_;  // replies to one message; records and reads since the last commit began
  Outboxes outbox_;
  Journal journal_;
  TimePoint next_pulse_{};
  std::vector<SessionId> ended_;  // to be forgotten after their last replies
  bool is_stopping_ = false;      // decisions are committed and sent, and no new message is handled
  TimePoint commit_began_{};
  TimePoint next_look_{};                // of the store at itself
  TimePoint next_ask_{};                 // why it is busy for so long
  bool is_store_nearly_full_ = false;    // then a look comes with every commit
  std::optional<TimePoint> held_since_;  // when the outboxes began to hold replies back
  Decoder decoder_;
  Received received_;
  ServerFacts facts_;
  LoopCounts loop_counts_;
  metrics::Mailbox* metrics_ = nullptr;
  PendingAnswers pending_;
  Queries queries_;
  Commands commands_;
};

}  // namespace zebu::broker
