#pragma once

#include "broker/server/pending_answers.h"
#include "broker/server/report.h"
#include "broker/server/requests.h"

namespace zebu::broker {

// QUERY: reports. docs/protocol.md says what each answer holds. One thread.
class Queries {
 public:
  // All three outlive it.
  Queries(const Engine& engine, const ServerFacts& facts, PendingAnswers& pending)
      : engine_(engine), facts_(facts), pending_(pending) {}

  // The answer is in `pending`; a query that cannot be answered is an ERROR in `out`.
  void answer(SessionId session, const message::Query& query, Moment now, Effects& out);
  // Of a peer that has not read the answers that it was sent.
  void refuse_unread(SessionId session, std::uint64_t number);

  [[nodiscard]] static std::vector<Request> table();

 private:
  const Engine& engine_;
  const ServerFacts& facts_;
  PendingAnswers& pending_;
};

}  // namespace zebu::broker
