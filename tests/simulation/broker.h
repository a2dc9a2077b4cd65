#pragma once

#include "broker/server/held_values.h"
#include "broker/server/intake.h"
#include "broker/server/outboxes.h"
#include "broker/store/memory/store.h"
#include "tests/simulation/courier.h"
#include "tests/simulation/world.h"

#include <deque>
#include <unordered_map>
#include <unordered_set>

namespace zebu::simulation {

// The real engine and outboxes, and around them what broker/server.cpp and broker/store_thread.cpp do, without sockets,
// threads and a clock. It can die at any time; the disk is what is left then.
class Broker {
 public:
  explicit Broker(World& world) : world_(world) {}

  void start();
  // What is on its way to the disk is there afterwards, all of it or nothing.
  void crash(bool reaches_disk);
  // As on SIGTERM: commits and tells what was decided.
  void stop();
  [[nodiscard]] bool is_up() const { return process_ != nullptr; }
  // It stands still until then.
  void pause(Time until);

  void arrive(const ConnectionPtr& connection, std::string frame);
  // What people say: called in the next round.
  void tell(std::function<void(broker::Engine&, Moment, broker::Effects&)> what);
  // The store measured so many bytes for new jobs; unset: it has no limit. is_low: none is to be started.
  void store_has_room(std::optional<std::uint64_t> bytes, bool is_low);
  [[nodiscard]] std::optional<broker::StoredJob> on_disk(const JobId& id);

 private:
  struct Work {
    std::optional<broker::BatchNumber> batch;
    std::vector<broker::Record> records;
    std::vector<broker::Read> reads;
  };
  struct Done {
    std::optional<broker::BatchNumber> batch;
    std::vector<broker::Duplicate> duplicates;
    std::vector<broker::ReadAnswer> answers;
  };
  // What dies with the process.
  struct Process {
    // max_part: of a message that is sent whole.
    Process(const broker::Options& options, std::size_t max_part)
        : engine(options),
          held(engine, options),
          intake(options.max_message, options.intake, max_part / 2, options.liveness),
          outbox(max_part) {}
    broker::Engine engine;
    broker::HeldValues held;
    broker::Intake intake;
    broker::Effects effects;
    broker::Outboxes outbox;
    Work next;
    std::optional<Work> under_way;
    std::optional<Done> done;
    std::deque<std::pair<ConnectionPtr, std::string>> inbox;
    bool is_all_read = true;  // in the last round
    std::vector<std::function<void(broker::Engine&, Moment, broker::Effects&)>> told;
    std::unordered_map<std::uint64_t, broker::SessionId> sessions;  // by connection
    std::unordered_map<broker::SessionId, ConnectionPtr> peers;
    std::unordered_map<broker::SessionId, Courier> couriers;  // of all peers
    std::vector<broker::SessionId> unreachable;
    std::vector<broker::SessionId> ended;
    std::unordered_set<broker::SessionId> drained;
    std::optional<Time> wake;
    bool has_begun = false;
    bool is_stopping = false;
    std::optional<Time> held_since;
    Decoder decoder;
  };
  struct Handler;

  void wake_at(Time time);
  void round();
  void take_commit();
  void start_commit();
  void perform();
  [[nodiscard]] Done apply(const Work& work);
  [[nodiscard]] broker::ReadAnswer answer(const broker::Read& read);
  void handle(const ConnectionPtr& connection, const std::string& frame);
  void handle_message(const ConnectionPtr& connection, std::optional<broker::SessionId> session, Bytes bytes,
                      bool in_parts);
  // True: it is no more than that.
  bool handle_flow(const ConnectionPtr& connection, broker::SessionId session, const message::Message& message);
  void handle_hello(const ConnectionPtr& connection, const message::Hello& hello);
  [[nodiscard]] std::size_t max_part() const;
  void gather(Ledger::Call call = Ledger::Call::other);
  void tell_peers();
  void tell_words();
  void send(broker::SessionId session, Frame frame);
  void hand_over(broker::SessionId session, const Frame& frame);
  [[nodiscard]] Courier::Send sender(broker::SessionId session) {
    return [this, session](const Frame& frame) { hand_over(session, frame); };
  }
  [[nodiscard]] bool fails() const;

  World& world_;
  broker::MemoryStore disk_;
  std::unique_ptr<Process> process_;
  std::uint64_t lives_ = 0;
  broker::SessionId next_session_ = 1;
  std::uint64_t rounds_at_once_ = 0;
  Time last_round_{};
  Time paused_until_{};
};

}  // namespace zebu::simulation
