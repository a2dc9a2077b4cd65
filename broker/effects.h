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
  struct Refusal {
    JobId id;
    Error why;
  };

  std::vector<Record> records;
  std::vector<SessionId> welcomed;
  std::vector<To<Error>> errors;
  std::vector<To<JobId>> accepted;
  std::vector<To<Refusal>> refused;
  std::vector<To<JobId>> unknown;
  std::vector<To<const Job*>> done;
  std::vector<To<const Job*>> assigned;
  std::vector<To<AttemptId>> stopped;
  std::vector<To<std::uint64_t>> kept;
  std::vector<SessionId> beats;
  std::vector<SessionId> ended;  // sessions that are no more; nothing else in here is for one of them

  void clear() { *this = {}; }
};

}  // namespace zebu::broker
