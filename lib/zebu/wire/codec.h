#pragma once

#include "zebu/wire/message.h"

#include <memory>
#include <string>

// The wire form of messages: docs/protocol.md in code. The only place that knows msgpack (convert.h, the conversion of
// a user's own types, aside).
namespace zebu {

// A message ready to be sent. The bytes from `start` on are the frame: a batch writes its header last, into room that
// it left in front of its entries.
struct Frame {
  std::string buffer;
  std::size_t start = 0;

  [[nodiscard]] Bytes bytes() const { return Bytes(buffer).substr(start); }
  [[nodiscard]] bool empty() const { return start >= buffer.size(); }
};

// Encodes one whole message.
[[nodiscard]] Frame encode(const message::Message& message);

// An entry of SUBMIT and one of ASSIGN, out of what whoever sends them has: nothing is copied.
struct JobView {
  const JobId& id;
  std::string_view task;
  std::string_view queue;
  Bytes args;
  const JobOptions& options;
};
struct AssignmentView {
  JobView job;
  std::uint32_t attempt = 0;
};

// Entries of one type, gathered for one peer until its loop comes round. Each entry is encoded once, when added.
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
  void add(const message::Report& report);          // DONE, OUTCOME
  void add(const message::Assignment& assignment);  // ASSIGN
  void add(const AssignmentView& assignment);       // ASSIGN
  void add(const message::ProgressReport& report);  // PROGRESS
  // An entry that was encoded before, with encode_entry.
  void add_encoded(Bytes entry);

  [[nodiscard]] std::uint32_t count() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t size() const { return buffer_.size(); }
  // True when one more entry of `entry` bytes would pass what a frame may hold.
  [[nodiscard]] bool is_full(std::size_t entry, std::size_t max_message) const;

  // The frame, and an empty batch again. `lead` is the field before the list: SUBMIT's wait, or OUTCOME's and RETURN's
  // credit; it is left out for the other types.
  [[nodiscard]] Frame finish(std::uint32_t lead = 0);

 private:
  template <class Entry>
  void write(const Entry& entry);

  message::Type type_;
  std::string buffer_;
  std::uint32_t count_ = 0;
};

// One entry alone: to be added to a Batch later, or as a store keeps it. Decoder reads them back.
[[nodiscard]] std::string encode_entry(const message::Submission& job);
[[nodiscard]] std::string encode_entry(const message::Report& report);
// The same at the end of `to`.
void append_entry(std::string& to, const JobView& job);
void append_entry(std::string& to, const message::Report& report);

// How many bytes an entry of OUTCOME or DONE, or one of PROGRESS, takes at most.
[[nodiscard]] std::size_t wire_size(const Outcome& outcome);
[[nodiscard]] std::size_t wire_size(const message::ProgressReport& report);

// Decodes frames from a peer that may be hostile. Holds the memory that the last decoded message points into, so one
// Decoder a loop is enough and costs no allocation a message. Not thread-safe.
class Decoder {
 public:
  Decoder();
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  // The message in `frame`, or bad_message with a text that names what was wrong. Its views point into `frame` and
  // into this decoder: they live until the next decode.
  [[nodiscard]] Result<message::Message> decode(Bytes frame);
  // What encode_entry made, under the same rules.
  [[nodiscard]] Result<message::Submission> decode_submission(Bytes entry);
  [[nodiscard]] Result<message::Report> decode_report(Bytes entry);

 private:
  template <class T, class Take>
  Result<T> read(Bytes bytes, Take&& take);

  struct Memory;
  std::unique_ptr<Memory> memory_;
};

// Why a command was refused, out of its ANSWER; nothing when it was not.
[[nodiscard]] std::optional<Error> refusal_in(Bytes answer);

}  // namespace zebu
