#include "zebu/wire/codec.h"
#include "zebu/wire/codec_reader.h"

#include <algorithm>

namespace zebu {
namespace codec {
namespace {

using message::Type;

constexpr std::size_t kMaxFeatures = 64;
constexpr std::size_t kMaxEndpoints = 64;
constexpr std::size_t kMaxEndpoint = 1024;  // bytes

// Facts of every peer.
void read_facts(const Object& o, message::Hello& hello) {
  read_map(o, "facts", [&](std::string_view key, const Object& value) {
    if (key == "features") {
      hello.features = read_list<std::string_view>(value, "features", kMaxFeatures,
                                                   [](const Object& name) { return read_name(name, "a feature"); });
    }
    if (key == "epoch" || key == "principal") {
      throw Malformed{"the fact " + quoted(key) + " is reserved: this version does not take it"};
    }
  });
}

message::ConsumerFacts read_consumer_facts(const Object& o) {
  message::ConsumerFacts facts;
  const auto names = [](const Object& list, const char* what) {
    return read_list<std::string_view>(list, what, kMaxNames, [&](const Object& n) { return read_name(n, what); });
  };
  read_map(o, "facts", [&](std::string_view key, const Object& value) {
    if (key == "queues") facts.queues = names(value, "queues");
    if (key == "tasks") facts.tasks = names(value, "tasks");
    if (key == "slots") facts.slots = read_u32(value, "slots", message::kMaxCredit);
    if (key == "pool") facts.pool = read_name(value, "pool");
    if (key == "runs") facts.runs = read_list<AttemptId>(value, "runs", message::kMaxList, read_attempt);
  });
  if (facts.queues.empty()) throw Malformed{"queues must name at least one"};
  if (facts.slots == 0) throw Malformed{"slots must be at least 1"};
  return facts;
}

message::Hello read_hello(const Object* f, std::size_t count) {
  message::Hello hello;
  hello.major = read_u32(f[1], "major");
  // The rest may look different in another major version: the version is what its sender must hear about.
  if (hello.major != message::kMajor) return hello;
  if (count < 7) throw Malformed{"HELLO must be an array of 7"};
  hello.minor = read_u32(f[2], "minor");
  const std::string_view role = read_str(f[3], "role");
  if (role != "client" && role != "consumer") throw Malformed{"role must be 'client' or 'consumer'"};
  hello.role = role == "client" ? message::Role::client : message::Role::consumer;
  hello.name = read_name(f[4], "name");
  hello.instance = read_id(f[5], "instance");
  read_facts(f[6], hello);
  if (hello.role == message::Role::consumer) hello.consumer = read_consumer_facts(f[6]);
  return hello;
}

message::Welcome read_welcome(const Object* f) {
  message::Welcome welcome;
  welcome.major = read_u32(f[1], "major");
  welcome.minor = read_u32(f[2], "minor");
  welcome.instance = read_id(f[3], "instance");
  read_map(f[4], "facts", [&](std::string_view key, const Object& value) {
    if (key == "grant") welcome.grant = read_u32(value, "grant");
    if (key == "beat_ms") welcome.beat = read_ms(value, "beat_ms");
    if (key == "liveness_ms") welcome.liveness = read_ms(value, "liveness_ms");
    if (key == "max_message") welcome.max_message = read_u32(value, "max_message");
    if (key == "max_part") welcome.max_part = read_u32(value, "max_part");
    if (key == "features") {
      welcome.features = read_list<std::string>(value, "features", kMaxFeatures, [](const Object& name) {
        return std::string(read_name(name, "a feature"));
      });
    }
  });
  return welcome;
}

message::Part read_part(const Object* f) {
  const message::Part part{read_number(f[1], "number"), read_number(f[2], "offset"), read_number(f[3], "total"),
                           read_bin(f[4], "bytes")};
  if (part.bytes.empty()) throw Malformed{"a part must have bytes"};
  if (part.offset > part.total || part.bytes.size() > part.total - part.offset) {
    throw Malformed{"a part must not end behind its message"};
  }
  return part;
}

message::About read_about(const Object& o) {
  message::About about;
  std::optional<std::uint32_t> major;
  std::uint32_t minor = 0;
  read_map(o, "about", [&](std::string_view key, const Object& value) {
    if (key == "type") about.type = static_cast<std::uint8_t>(read_number(value, "type", 255));
    if (key == "attempt") about.attempt = read_attempt(value);
    if (key == "entries") {
      about.entries = read_list<std::uint32_t>(value, "entries", message::kMaxList,
                                               [](const Object& entry) { return read_u32(entry, "an entry's place"); });
    }
    if (key == "retry_after_ms") about.retry_after = read_ms(value, "retry_after_ms");
    if (key == "major") major = read_u32(value, "major");
    if (key == "minor") minor = read_u32(value, "minor");
    if (key == "endpoints") {
      about.endpoints = read_list<std::string>(value, "endpoints", kMaxEndpoints, [](const Object& one) {
        return std::string(read_str(one, "an endpoint", kMaxEndpoint));
      });
    }
  });
  if (major) about.version.emplace(*major, minor);
  return about;
}

// QUERY and COMMAND.
template <class M>
M read_question(const Object* f) {
  M question{read_number(f[1], "number"), read_str(f[2], "what"), {}};
  try {
    question.params = read_params(f[3]);
  } catch (const Malformed& e) {  // it has a number to be answered by
    question.bad = e.what;
  }
  return question;
}

// A batched message with a `lead` field, or none, before its list.
template <class M, class T, class F, class... Lead>
M read_batch(const Object& list, bool has_attempt, F read, Lead... lead) {
  M message{lead..., {}};
  message.jobs = read_each<T>(list, "jobs", has_attempt, message.bad, read);
  return message;
}

template <class M>
M read_batch_of_ids(const Object& list) {
  M message;
  message.ids = read_each_id(list, message.bad);
  return message;
}

// Entries for a peer; it can do nothing about one that it cannot read, such as a job in a state of a newer broker.
template <class T, class F>
std::vector<T> read_readable(const Object& o, F read) {
  std::vector<message::BadEntry> ignored;
  return read_each<T>(o, "jobs", false, ignored, read);
}

template <class T, class F>
std::vector<T> read_entries(const Object& o, F read) {
  return read_list<T>(o, "jobs", message::kMaxList, read);
}

std::uint32_t read_credit(const Object& o) { return read_u32(o, "credit", message::kMaxCredit); }

// The least number of elements in a message's array. HELLO, which may have another major version, is checked by itself.
std::size_t fields_of(Type type) {
  switch (type) {
    case Type::beat:
    case Type::bye:
    case Type::drain:
    case Type::drained:
      return 1;
    case Type::submit:
    case Type::answer:
    case Type::outcome:
    case Type::return_:
      return 3;
    case Type::error:
    case Type::query:
    case Type::command:
      return 4;
    case Type::welcome:
    case Type::part:
      return 5;
    default:
      return 2;
  }
}

message::Message read_message_of(Type type, const Object* f, std::size_t count) {
  switch (type) {
    case Type::hello:
      return read_hello(f, count);
    case Type::welcome:
      return read_welcome(f);
    case Type::error:
      return message::ErrorReport{read_code(f[1]), read_str(f[2], "message"), read_about(f[3])};
    case Type::beat:
      return message::Beat{};
    case Type::bye:
      return count < 2 ? message::Bye{} : message::Bye{read_ms(f[1], "after_ms")};
    case Type::echo:
      return message::Echo{read_number(f[1], "number")};
    case Type::part:
      return read_part(f);
    case Type::ack:
      return message::Ack{read_number(f[1], "bytes")};
    case Type::hold:
      return message::Hold{read_number(f[1], "number")};
    case Type::go:
      return message::Go{read_number(f[1], "number")};
    case Type::submit:
      return read_batch<message::Submit, message::Submission>(f[2], false, read_submission, read_bool(f[1], "wait"));
    case Type::accepted:
      return message::Accepted{read_ids(f[1])};
    case Type::refused:
      return message::Refused{read_readable<message::Refusal>(f[1], read_refusal)};
    case Type::wait:
      return read_batch_of_ids<message::Wait>(f[1]);
    case Type::done:
      return message::Done{read_readable<message::Report>(f[1], read_report)};
    case Type::leave:
      return read_batch_of_ids<message::Leave>(f[1]);
    case Type::cancel:
      return read_batch_of_ids<message::Cancel>(f[1]);
    case Type::unknown:
      return message::Unknown{read_ids(f[1])};
    case Type::query:
      return read_question<message::Query>(f);
    case Type::answer:
      return message::Answer{read_number(f[1], "number"), read_bin(f[2], "answer"),
                             count > 3 && read_bool(f[3], "more")};
    case Type::ending:
      return message::Ending{read_readable<message::EndingJob>(f[1], read_ending)};
    case Type::attached:
      return message::Attached{read_entries<message::Attachment>(f[1], read_attachment)};
    case Type::command:
      return read_question<message::Command>(f);
    case Type::credit:
      return message::Credit{read_credit(f[1])};
    case Type::assign:
      return read_batch<message::Assign, message::Assignment>(f[1], true, read_assignment);
    case Type::outcome:
      return read_batch<message::OutcomeReport, message::Report>(f[2], true, read_report, read_credit(f[1]));
    case Type::kept:
      return message::Kept{read_number(f[1], "count"),
                           count < 3 ? std::vector<AttemptId>{} : read_entries<AttemptId>(f[2], read_attempt)};
    case Type::return_:
      return read_batch<message::Return, AttemptId>(f[2], true, read_attempt, read_credit(f[1]));
    case Type::stop:
      return message::Stop{read_entries<AttemptId>(f[1], read_attempt)};
    case Type::drain:
      return message::Drain{};
    case Type::drained:
      return message::Drained{};
    case Type::progress:
      return read_batch<message::ProgressReports, message::ProgressReport>(f[1], true, read_progress);
  }
  throw Malformed{"unknown message type " + std::to_string(static_cast<int>(type))};
}

message::Message read_message(const Object& root) {
  const Object* f = read_fields(root, 1, "a message");
  const std::size_t count = root.via.array.size;
  const auto type = static_cast<Type>(read_number(f[0], "type", 255));
  if (message::name_of(type) != "?" && count < fields_of(type)) {
    throw Malformed{std::string(message::name_of(type)) + " must be an array of " + std::to_string(fields_of(type))};
  }
  return read_message_of(type, f, count);
}

// The error in {"error": {"code": …, "message": …}}; nullopt for any other map.
std::optional<Error> read_refusal_in(const Object& o) {
  std::optional<Error> refusal;
  read_map(o, "an answer to a command", [&](std::string_view key, const Object& value) {
    if (key != "error") return;
    refusal.emplace(Error{ErrorCode::bad_request, {}, {}});
    read_map(value, "error", [&](std::string_view field, const Object& text) {
      if (field == "code") refusal->code = read_code(text);
      if (field == "message") refusal->message = read_str(text, "message");
    });
  });
  return refusal;
}

}  // namespace
}  // namespace codec

struct Decoder::Memory {
  msgpack::zone zone;
};

Decoder::Decoder() : memory_(std::make_unique<Memory>()) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

template <class T, class Take>
Result<T> Decoder::read(Bytes bytes, Take&& take) {
  memory_->zone.clear();
  return codec::read_whole<T>(memory_->zone, bytes, std::forward<Take>(take));
}

Result<message::Message> Decoder::decode(Bytes frame) { return read<message::Message>(frame, codec::read_message); }

Result<message::Submission> Decoder::decode_submission(Bytes entry) {
  return read<message::Submission>(entry, codec::read_submission);
}

Result<message::Report> Decoder::decode_report(Bytes entry) { return read<message::Report>(entry, codec::read_report); }

// All types are single bytes behind a short array's header.
std::optional<std::uint8_t> type_in(Bytes frame) {
  if (frame.size() < 2) return std::nullopt;
  const auto header = static_cast<std::uint8_t>(frame[0]);
  const auto type = static_cast<std::uint8_t>(frame[1]);
  if ((header & 0xf0U) != 0x90U || header == 0x90U || type > 0x7fU) return std::nullopt;
  return type;
}

std::optional<Error> refusal_in(Bytes answer) {
  msgpack::zone zone;
  auto refusal = codec::read_whole<std::optional<Error>>(zone, answer, codec::read_refusal_in);
  if (!refusal) return refusal.error();
  return std::move(*refusal);
}

}  // namespace zebu
