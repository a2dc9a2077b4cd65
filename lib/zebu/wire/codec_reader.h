#pragma once

#include "zebu/error.h"
#include "zebu/wire/message.h"

#include <msgpack.hpp>

#include <algorithm>
#include <exception>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

// Internal to the codec: reads fields from unpacked msgpack, which may come from a hostile peer. A field that violates
// docs/protocol.md throws Malformed, which the Decoder turns into bad_message.
namespace zebu::codec {

struct Malformed {
  std::string what;
};

using Object = msgpack::object;

inline constexpr std::size_t kMaxNames = 1024;  // queues or tasks in a HELLO, frames in a trace
inline constexpr std::uint64_t kMaxNumber = std::numeric_limits<std::uint64_t>::max();

std::uint64_t read_number(const Object& o, const char* field, std::uint64_t max = kMaxNumber);
std::uint32_t read_u32(const Object& o, const char* field,
                       std::uint32_t max = std::numeric_limits<std::uint32_t>::max());
// A float, or an integer in its place.
double read_real(const Object& o, const char* field, double min, double max);
std::chrono::milliseconds read_ms(const Object& o, const char* field);
WallTime read_unix_ms(const Object& o, const char* field);
std::string_view read_str(const Object& o, const char* field, std::size_t max = kMaxNumber);
std::string_view read_name(const Object& o, const char* field);
// The beginning of a peer's text in quotes, for an error message.
std::string quoted(std::string_view text);
Bytes read_bin(const Object& o, const char* field);
bool read_bool(const Object& o, const char* field);
Uuid read_id(const Object& o, const char* field);

// The elements of an array with at least `count` of them. More are ignored, since a newer minor version may append
// some.
const Object* read_fields(const Object& o, std::size_t count, const char* what);

// Converts to the result of read(o), constructed in place: a job is a few hundred bytes, too many to move into its
// list.
template <class F>
struct InPlace {
  F& read;
  const Object& o;
  operator std::invoke_result_t<F&, const Object&>() const { return read(o); }
};

template <class T, class F>
std::vector<T> read_list(const Object& o, const char* what, std::size_t max, F read) {
  if (o.type != msgpack::type::ARRAY || o.via.array.size > max) {
    throw Malformed{std::string(what) + " must be a list of at most " + std::to_string(max)};
  }
  std::vector<T> list;
  list.reserve(o.via.array.size);
  for (std::uint32_t i = 0; i < o.via.array.size; ++i) list.emplace_back(InPlace<F>{read, o.via.array.ptr[i]});
  return list;
}

// What can be read of an entry that cannot be read whole: its id, and in OUTCOME and RETURN its attempt.
message::BadEntry bad_entry(const Object& o, std::uint32_t index, bool has_attempt, std::string why);

// The same as read_list() for a list in which a bad entry costs itself only.
template <class T, class F>
std::vector<T> read_each(const Object& o, const char* what, bool has_attempt, std::vector<message::BadEntry>& bad,
                         F read) {
  if (o.type != msgpack::type::ARRAY || o.via.array.size > message::kMaxList) {
    throw Malformed{std::string(what) + " must be a list of at most " + std::to_string(message::kMaxList)};
  }
  std::vector<T> list;
  list.reserve(o.via.array.size);
  for (std::uint32_t i = 0; i < o.via.array.size; ++i) {
    try {
      list.emplace_back(InPlace<F>{read, o.via.array.ptr[i]});
    } catch (const Malformed& e) {
      bad.push_back(bad_entry(o.via.array.ptr[i], i, has_attempt, e.what));
    }
  }
  return list;
}

// Calls read(key, value) for each entry of a map.
template <class F>
void read_map(const Object& o, const char* what, F&& read) {
  if (o.type != msgpack::type::MAP) throw Malformed{std::string(what) + " must be a map"};
  for (std::uint32_t i = 0; i < o.via.map.size; ++i) {
    read(read_str(o.via.map.ptr[i].key, "a map's key"), o.via.map.ptr[i].val);
  }
}

std::vector<JobId> read_ids(const Object& o);
std::vector<JobId> read_each_id(const Object& o, std::vector<message::BadEntry>& bad);
AttemptId read_attempt(const Object& o);
ErrorCode read_code(const Object& o);
message::Submission read_submission(const Object& o);
message::Assignment read_assignment(const Object& o);
message::Attachment read_attachment(const Object& o);
message::EndingJob read_ending(const Object& o);
message::Refusal read_refusal(const Object& o);
message::Report read_report(const Object& o);
message::ProgressReport read_progress(const Object& o);
message::Params read_params(const Object& o);

// An error with all its causes nests 13 deep in DONE.
inline constexpr std::size_t kMaxDepth = 16;

// What `take` makes of the one value that `bytes` hold. Views in it point into `bytes` and into `zone`.
template <class T, class Take>
Result<T> read_whole(msgpack::zone& zone, Bytes bytes, Take&& take) {
  const auto reference_all = [](msgpack::type::object_type, std::size_t, void*) { return true; };
  try {
    // Every element takes at least a byte, so a valid array has at most as many elements as the frame has bytes. This
    // limit keeps the memory for forged lengths proportional to the bytes that were actually sent.
    const std::size_t size = bytes.size();
    const std::size_t most = std::min<std::size_t>(size, message::kMaxList);
    const msgpack::unpack_limit limit(most, std::min<std::size_t>(most, 1024), size, size, size, kMaxDepth);
    std::size_t used = 0;
    bool referenced = false;
    const Object root = msgpack::unpack(zone, bytes.data(), size, used, referenced, reference_all, nullptr, limit);
    T taken = take(root);
    if (used != size) throw Malformed{"bytes after the message"};
    return taken;
  } catch (const Malformed& e) {
    return fail(ErrorCode::bad_message, e.what);
  } catch (const std::exception& e) {
    return fail(ErrorCode::bad_message, std::string("not a msgpack message: ") + e.what());
  }
}

}  // namespace zebu::codec
