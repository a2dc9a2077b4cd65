#pragma once

#include "broker/server/requests.h"
#include "broker/server/retries.h"

namespace zebu::broker {

// COMMAND: changes by an operator. docs/protocol.md says what each does. One thread.
class Commands {
 public:
  // Both outlive it.
  Commands(Engine& engine, PendingAnswers& pending) : engine_(engine), pending_(pending), retries_(engine, pending) {}

  // The answer or the refusal is in `pending`.
  void answer(SessionId session, const message::Command& command, Moment now, Effects& out);
  // `effects`: what the engine said of a commit. To be called before PendingAnswers::committed.
  void committed(const Effects& effects);

  [[nodiscard]] static std::vector<Request> table();

 private:
  Engine& engine_;
  PendingAnswers& pending_;
  Retries retries_;
};

}  // namespace zebu::broker
