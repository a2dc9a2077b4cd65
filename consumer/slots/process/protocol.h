#pragma once

#include "consumer/slots/process/frame_stream.h"
#include "zebu/wire/message.h"

#include <memory>
#include <string>
#include <variant>
#include <vector>

// The messages between a consumer and the process of one of its slots. Both ends are the same binary, so there are no
// versions. A child runs the tasks' code, which may do anything, so the parent trusts no byte from it. A message that
// cannot be decoded ends the child: the parent kills it, or the child exits.
//
//   ┌ length of the rest ┬ check of length and number ┬ msgpack: [type, field, …] ┐
//   │ 4 bytes            │ 4 bytes                    │                           │   this machine's order
//
// The frames of a stream are numbered from 0. The check finds bytes that a task wrote to the stream between two frames,
// or took out of it, before they can pass for a length that is waited for.
//
// The entries of the lists have the form that docs/protocol.md gives them in ASSIGN, OUTCOME and PROGRESS; an attempt
// is [id, attempt].
//
//   parent ── jobs ────► RUN [jobs]
//   parent ── orders ──► STOP attempt | SOFT_LIMIT attempt | RECALL | REPORT_PROGRESS
//   parent ◄── jobs ──── ENDED [outcomes] | RETURNED [attempts] | PROGRESSED [reports] | READY | START_FAILED why
//
// Jobs and orders come on different streams, so that the thread that runs jobs can fetch the next one itself while
// another thread listens for orders. An order may overtake a job that was sent before it: the child takes all jobs that
// have arrived before it carries out an order.
//
// If you change a message: its struct and its variant here; Type, Write and the read_… functions in protocol.cpp; the
// samples in tests/unit/slot_protocol_test.cpp.
namespace zebu::consumer::protocol {

// ── to the child ────────────────────────────────────────────────────────────────────────────────────────────────────

// Run these jobs, in order, after the earlier ones.
struct Run {
  std::vector<message::Assignment> jobs;
};
// Cancel this attempt: if it has not started it ends as cancelled, otherwise its token fires.
struct Stop {
  AttemptId id;
};
// If this attempt runs now, fire its token.
struct SoftLimit {
  AttemptId id;
};
// Give back the jobs that have not started.
struct Recall {};
// Send the running task's progress since the last update, as soon as there is some.
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

// The hooks of the registry have run.
struct Ready {};
// One of them threw: the child ends.
struct StartFailed {
  std::string why;
};

using FromChild = std::variant<Ended, Returned, Progressed, Ready, StartFailed>;

// ── encoding and decoding ───────────────────────────────────────────────────────────────────────────────────────────

// Appends the whole frame. frames: those of the stream before it.
void append(std::string& to, const ToChild& message, FrameCount& frames);
void append(std::string& to, const FromChild& message, FrameCount& frames);

// Owns the memory that the last decoded message points into: one for each stream is enough. Not thread-safe.
class Decoder {
 public:
  Decoder();
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  // Decode a frame without its length, or fail with bad_message. Views in the message point into `frame` and into this
  // decoder, and are valid until the next call.
  [[nodiscard]] Result<ToChild> to_child(Bytes frame);
  [[nodiscard]] Result<FromChild> from_child(Bytes frame);

 private:
  struct Memory;
  std::unique_ptr<Memory> memory_;
};

}  // namespace zebu::consumer::protocol
