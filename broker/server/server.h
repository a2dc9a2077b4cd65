#pragma once

#include "broker/server/inquiries.h"
#include "broker/server/options.h"
#include "broker/server/outboxes.h"
#include "broker/store/store_thread.h"
#include "zebu/wire/socket.h"

#include <memory>
#include <string>

namespace zebu::broker {

// The broker's loop: owns both sockets, the engine and the store's thread. A round reads what has come, lets the engine
// decide, hands what is to persist to the store, and tells what depends on nothing, or on what is durable now.
class Server {
 public:
  // Binds both endpoints and recovers the store. An error says which of them failed, and why.
  [[nodiscard]] static Result<std::unique_ptr<Server>> create(const Options& options, std::unique_ptr<Store> store);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // With the ports that the kernel chose.
  [[nodiscard]] const std::string& clients_endpoint() const { return clients_.socket.endpoint(); }
  [[nodiscard]] const std::string& consumers_endpoint() const { return consumers_.socket.endpoint(); }

  // Runs until `stop` becomes readable, then commits and tells what was decided. An error is the store's: nothing was
  // acknowledged that it did not take.
  [[nodiscard]] Result<void> run(int stop);

 private:
  struct RoutingHash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  struct Port {
    Router socket;
    message::Role role;  // who may say HELLO here
    std::unordered_map<std::string, SessionId, RoutingHash, std::equal_to<>> sessions;
  };
  struct Peer {
    Port* port;
    std::string routing_id;
  };

  struct Handler;

  Server(const Options& options, std::unique_ptr<Store> store, const Recovered& recovered, Router clients,
         Router consumers);

  [[nodiscard]] bool wait(int stop, std::optional<std::chrono::milliseconds> timeout);
  [[nodiscard]] Result<bool> round(Moment now);
  [[nodiscard]] Result<void> finish();
  [[nodiscard]] Result<void> take_commit(std::optional<Result<StoreDone>> done, Moment now);
  void start_commit();
  void tell();
  [[nodiscard]] std::optional<TimePoint> next_deadline() const;
  [[nodiscard]] bool read(Port& port, Moment now);
  void handle(Port& port, Moment now);
  void handle_hello(Port& port, const message::Hello& hello, Moment now);
  void handle(SessionId session, const message::Message& message, Moment now);
  void refuse(Port& port, Bytes peer, ErrorCode code, const std::string& why);
  void gather();
  void end(SessionId session);
  // Whether it has not read much of what it was sent.
  [[nodiscard]] bool is_behind(SessionId session) const;
  void send(SessionId session, Frame frame);

  Options options_;
  BriefLooks looks_;  // for the end of a commit, and what else comes
  StoreThread store_;
  Port clients_;
  Port consumers_;
  Engine engine_;
  Effects effects_;  // replies of one decision, records and reads of all since a commit began
  Outboxes outbox_;
  std::unordered_map<SessionId, Peer> peers_;
  SessionId next_session_ = 1;
  std::vector<SessionId> unreachable_;
  std::vector<SessionId> ended_;
  bool is_stopping_ = false;             // what is decided is committed and told, and nothing begins
  std::optional<TimePoint> held_since_;  // what the outbox holds back
  Decoder decoder_;
  Received received_;
  ServerFacts facts_;
  Inquiries inquiries_;
};

}  // namespace zebu::broker
