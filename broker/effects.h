#pragma once

#include "store.h"

#include <zebu/message.h>

namespace zebu::broker {

// What the engine decided: records to persist, then replies to send. Pointers and views live until the engine's next
// call, so whoever gets this encodes at once.
struct Effects {
  template <class T>
  struct To {
    SessionId session;
    T what;
  };
  struct Accepted {
    SessionId session;
    JobId id;
    bool at_once;  // else with the next message to that client, or a moment later
  };
  struct Kept {
    SessionId session;
    std::uint64_t count;
    bool at_once;  // else with the next message to that consumer
  };
  struct Refusal {
    JobId id;
    Error why;
  };

  std::vector<Record> records;
  std::vector<SessionId> welcomed;
  std::vector<To<Error>> errors;
  std::vector<Accepted> accepted;
  std::vector<To<Refusal>> refused;
  std::vector<To<JobId>> unknown;
  std::vector<To<const Job*>> done;
  std::vector<To<const Job*>> assigned;
  std::vector<To<AttemptId>> stopped;
  std::vector<Kept> kept;
  std::vector<SessionId> beats;
  std::vector<SessionId> ended;  // sessions that are no more; nothing else in here is for one of them

  void clear() { *this = {}; }
};

}  // namespace zebu::broker
