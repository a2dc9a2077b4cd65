#pragma once

#include "zebu/wire/codec.h"

#include <msgpack.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

// Internal to the codec: appends msgpack to a string, in the terms of docs/protocol.md.
namespace zebu::codec {

class Writer {
 public:
  explicit Writer(std::string& to) : sink_{to}, packer_(sink_) {}

  Writer& array(std::size_t count) { return packer_.pack_array(static_cast<std::uint32_t>(count)), *this; }
  Writer& map(std::size_t count) { return packer_.pack_map(static_cast<std::uint32_t>(count)), *this; }
  Writer& number(std::uint64_t n) { return packer_.pack_uint64(n), *this; }
  // As a float even if it is a whole number: the packer would write 1.0 as the integer 1. float 64: 0xcb, then the
  // bytes, big-endian.
  Writer& real(double x) {
    char bytes[1 + sizeof x] = {'\xcb'};
    const auto bits = std::bit_cast<std::uint64_t>(x);
    for (std::size_t i = 1; i <= sizeof x; ++i) bytes[i] = static_cast<char>(bits >> 8 * (sizeof x - i) & 0xff);
    sink_.write(bytes, sizeof bytes);
    return *this;
  }
  Writer& nil() { return packer_.pack_nil(), *this; }
  Writer& boolean(bool b) { return b ? packer_.pack_true() : packer_.pack_false(), *this; }
  Writer& str(std::string_view text) {
    packer_.pack_str(static_cast<std::uint32_t>(text.size()));
    packer_.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
    return *this;
  }
  Writer& bin(Bytes bytes) {
    packer_.pack_bin(static_cast<std::uint32_t>(bytes.size()));
    packer_.pack_bin_body(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
    return *this;
  }
  Writer& id(const Uuid& id) { return bin(id.view()); }
  Writer& attempt(const AttemptId& a) { return array(2).id(a.job).number(a.attempt); }
  template <class List>
  Writer& strings(const List& list) {
    array(list.size());
    for (const auto& text : list) str(text);
    return *this;
  }
  Writer& ids(const std::vector<JobId>& list) {
    array(list.size());
    for (const JobId& each : list) id(each);
    return *this;
  }
  Writer& type(message::Type type) { return number(static_cast<std::uint8_t>(type)); }

 private:
  struct Sink {
    std::string& to;
    void write(const char* bytes, std::size_t count) { to.append(bytes, count); }
  };

  Sink sink_;
  msgpack::packer<Sink> packer_;
};

// How an attempt failed: of a TaskError, or a view of one.
template <class ErrorLike>
void write_error(Writer& w, const ErrorLike& error) {
  const bool has_kind = error.kind != ErrorKind::failure;
  const auto* cause = error.cause();
  const auto retry_after = error.retry_after();
  w.map(3 + std::size_t{has_kind} + std::size_t{cause != nullptr} + std::size_t{retry_after.has_value()});
  w.str("type").str(error.type).str("message").str(error.message);
  w.str("trace").strings(error.trace);
  if (has_kind) w.str("kind").str(to_string(error.kind));
  if (retry_after) {
    w.str("retry_after_ms").number(static_cast<std::uint64_t>(std::max<std::int64_t>(0, retry_after->count())));
  }
  if (cause != nullptr) write_error(w.str("cause"), *cause);
}

// The entries of the messages that carry lists.
void write(Writer& w, const JobView& job);
void write(Writer& w, const AssignmentView& assignment);
void write(Writer& w, const message::Submission& job);
void write(Writer& w, const message::Assignment& job);
void write(Writer& w, const message::Attachment& attachment);
void write(Writer& w, const message::EndingJob& ending);
void write(Writer& w, const message::Refusal& refusal);
void write(Writer& w, const message::Report& report);
void write(Writer& w, const message::ProgressReport& report);

}  // namespace zebu::codec
