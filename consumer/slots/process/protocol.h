#pragma once

#include "zebu/wire/message.h"

#include <memory>
#include <string>
#include <variant>
#include <vector>

// The messages between a consumer and the process of one of its slots. Both ends are the same binary, so there are no
// versions; but a child runs code that may do anything, so its parent trusts no byte of it. A message that cannot be
// decoded ends the child: its parent kills it, and it exits by itself.
//
//   ┌ length of the rest: 4 bytes, this machine's order ┬ msgpack: [type, field, …] ┐
//
// The entries of the lists have the form that docs/protocol.md gives them in ASSIGN, OUTCOME and PROGRESS; an attempt
// is [id, attempt].
//
//   parent ── jobs ────► RUN [jobs]
//   parent ── orders ──► STOP attempt | SOFT_LIMIT attempt | RECALL | REPORT_PROGRESS
//   parent ◄── jobs ──── ENDED [outcomes] | RETURNED [attempts] | PROGRESSED [reports]
//
// Jobs and orders come on different streams, so that the thread that runs jobs can fetch the next one itself while
// another thread listens for orders. An order may overtake a job that was sent before it: the child takes all jobs that
// have arrived before it carries out an order.
//
// If you change a message: its struct and its variant here; Type, Write and the read_… functions in protocol.cpp; the
// samples in tests/unit/slot_protocol_test.cpp.
namespace zebu::consumer::protocol {

// ── to the child ────────────────────────────────────────────────────────────────────────────────────────────────────

// Run these, in order, after the ones that you have.
struct Run {
  std::vector<message::Assignment> jobs;
};
// Cancel this one: it ends as cancelled if it has not started, otherwise its token fires.
struct Stop {
  AttemptId id;
};
// If this one runs now, its token fires.
struct SoftLimit {
  AttemptId id;
};
// Give back the jobs that have not started.
struct Recall {};
// Say what the running task has reported since the last time, as soon as there is something.
struct ReportProgress {};

using ToChild = std::variant<Run, Stop, SoftLimit, Recall, ReportProgress>;

// ── from the child ──────────────────────────────────────────────────────────────────────────────────────────────────

struct Ended {
  std::vector<message::Report> jobs;
};
// The answer to RECALL: these were not started, and will not be.
struct Returned {
  std::vector<AttemptId> jobs;
};
struct Progressed {
  std::vector<message::ProgressReport> jobs;
};

using FromChild = std::variant<Ended, Returned, Progressed>;

// ── encoding and decoding ───────────────────────────────────────────────────────────────────────────────────────────

// Appends the whole frame.
void append(std::string& to, const ToChild& message);
void append(std::string& to, const FromChild& message);

// Holds the memory that the last decoded message points into, so one for each stream is enough. Not thread-safe.
class Decoder {
 public:
  Decoder();
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  // What stands behind a frame's length, or bad_message. Views in the message point into `frame` and into this decoder:
  // they live until the next decode.
  [[nodiscard]] Result<ToChild> to_child(Bytes frame);
  [[nodiscard]] Result<FromChild> from_child(Bytes frame);

 private:
  struct Memory;
  std::unique_ptr<Memory> memory_;
};

}  // namespace zebu::consumer::protocol
