#pragma once

#include "zebu/wire/message.h"

#include <memory>
#include <string>

// The wire form of messages: docs/protocol.md in code. The only place that uses msgpack, apart from convert.h, which
// converts users' values.
namespace zebu {

// A message that is ready to be sent. The frame is the bytes from `start` on: a batch reserves room before its entries,
// and writes its header there last.
struct Frame {
  // Its place among the frames of its session (Flow).
  enum class Turn : std::uint8_t {
    in_order,
    barrier,    // passes nothing, also no message in parts
    urgent,     // passes all: it says that its sender lives, or what the other side may send
    uncounted,  // HELLO and WELCOME: they begin the session
  };

  std::string buffer;
  std::size_t start = 0;
  Turn turn = Turn::in_order;
  std::vector<JobId> about = {};  // it must not pass a message in parts that is about one of them

  [[nodiscard]] Bytes bytes() const { return Bytes(buffer).substr(start); }
  [[nodiscard]] bool empty() const { return start >= buffer.size(); }
};

// Encodes one whole message.
[[nodiscard]] Frame encode(const message::Message& message);

// Views of an entry of SUBMIT and of one of ASSIGN. The sender's data is not copied.
struct JobView {
  const JobId& id;
  std::string_view task;
  std::string_view queue;
  Bytes args;
  const JobOptions& options;
  Bytes kwargs = {};
};
struct AssignmentView {
  JobView job;
  std::uint32_t attempt = 0;
  message::Tries tries = {};
};

// Collects entries of one message type for one peer during a round of the loop. Each entry is encoded once, when added.
//
//   ┌──────── room for the header ────────┬ entry ┬ entry ┬ …
//   │      [type, (lead), array of count  │
class Batch {
 public:
  explicit Batch(message::Type type);

  void add(const JobId& id);                        // ACCEPTED, WAIT, LEAVE, CANCEL, UNKNOWN
  void add(const AttemptId& attempt);               // RETURN, STOP
  void add(const message::Submission& job);         // SUBMIT
  void add(const message::Refusal& refusal);        // REFUSED
  void add(const message::Attachment& attachment);  // ATTACHED
  void add(const message::EndingJob& ending);       // ENDING
  void add(const message::Report& report);          // DONE, OUTCOME
  void add(const message::Assignment& assignment);  // ASSIGN
  void add(const AssignmentView& assignment);       // ASSIGN
  void add(const message::ProgressReport& report);  // PROGRESS
  // An entry that encode_entry made before.
  void add_encoded(Bytes entry);

  [[nodiscard]] std::uint32_t count() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t size() const { return buffer_.size(); }
  // Whether another entry of `entry` bytes would make it longer than a message that is sent whole.
  [[nodiscard]] bool is_full(std::size_t entry, std::size_t max_part) const;
  // Room for another entry of `entry` bytes, so that a long one is not copied while it grows.
  void make_room(std::size_t entry) { buffer_.reserve(buffer_.size() + entry); }
  // The one entry, which is long, is about this job: CANCEL or STOP must not pass it.
  void is_about(const JobId& id) { about_.assign(1, id); }

  // Returns the frame and empties the batch. `lead` is the field before the list: SUBMIT's wait, or the credit of
  // OUTCOME and RETURN; other types have none.
  [[nodiscard]] Frame finish(std::uint32_t lead = 0);

 private:
  template <class Entry>
  void write(const Entry& entry);

  message::Type type_;
  std::string buffer_;
  std::uint32_t count_ = 0;
  std::size_t usual_ = 0;     // room for what the last one had: the next one is about as large
  std::vector<JobId> about_;  // Frame::about
};

// A single entry, to be added to a Batch later or kept by a store. Decoder reads it back.
[[nodiscard]] std::string encode_entry(const message::Submission& job);
[[nodiscard]] std::string encode_entry(const message::Report& report);
// Append an entry to `to`.
void append_entry(std::string& to, const JobView& job);
void append_entry(std::string& to, const message::Report& report);

// How many bytes an entry of OUTCOME or DONE, or one of PROGRESS, takes at most.
[[nodiscard]] std::size_t wire_size(const Outcome& outcome);
[[nodiscard]] std::size_t wire_size(const TaskError& error);  // as a part of it
[[nodiscard]] std::size_t wire_size(const message::ProgressReport& report);
// The bytes of its texts, and of those of its causes.
[[nodiscard]] std::size_t text_bytes(const message::ErrorView& error);

// Decodes frames from a peer that may be hostile. It owns the memory that the last decoded message points into, so one
// Decoder per loop avoids an allocation per message. Not thread-safe.
class Decoder {
 public:
  Decoder();
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  // The message in `frame`, or bad_message with a text that says what is wrong. Its views point into `frame` and into
  // this decoder, and are valid until the next call.
  [[nodiscard]] Result<message::Message> decode(Bytes frame);
  // An entry that encode_entry made, under the same rules.
  [[nodiscard]] Result<message::Submission> decode_submission(Bytes entry);
  [[nodiscard]] Result<message::Report> decode_report(Bytes entry);

 private:
  template <class T, class Take>
  Result<T> read(Bytes bytes, Take&& take);

  struct Memory;
  std::unique_ptr<Memory> memory_;
};

// The type of a frame that cannot be decoded, as far as it can be seen.
[[nodiscard]] std::optional<std::uint8_t> type_in(Bytes frame);

// Why a command was refused, from its ANSWER; nullopt if it was not refused.
[[nodiscard]] std::optional<Error> refusal_in(Bytes answer);

}  // namespace zebu
