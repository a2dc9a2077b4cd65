#include "consumer/slots/process/protocol.h"

#include "zebu/wire/codec_reader.h"
#include "zebu/wire/codec_writer.h"

#include <cstdint>
#include <cstring>

namespace zebu::consumer::protocol {
namespace {

using codec::Malformed;
using codec::Object;
using codec::Writer;

// In the order of the variants' alternatives, which are those of ToChild and then those of FromChild.
enum class Type : std::uint8_t {
  run,
  stop,
  soft_limit,
  recall,
  report_progress,
  ended,
  returned,
  progressed,
  ready,
  start_failed
};
constexpr std::size_t kFromChild = std::variant_size_v<ToChild>;
static_assert(static_cast<std::size_t>(Type::ended) == kFromChild);
static_assert(static_cast<std::size_t>(Type::start_failed) + 1 == kFromChild + std::variant_size_v<FromChild>);

// ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

template <class Entry>
void put(Writer& w, const Entry& entry) {
  codec::write(w, entry);
}
void put(Writer& w, const AttemptId& id) { w.attempt(id); }
template <class Entry>
void put(Writer& w, const std::vector<Entry>& list) {
  w.array(list.size());
  for (const Entry& entry : list) put(w, entry);
}

// The fields behind the type.
struct Write {
  Writer& w;

  void operator()(const Run& m) const { put(w, m.jobs); }
  void operator()(const Stop& m) const { put(w, m.id); }
  void operator()(const SoftLimit& m) const { put(w, m.id); }
  void operator()(const Recall&) const { w.nil(); }
  void operator()(const ReportProgress&) const { w.nil(); }
  void operator()(const Ended& m) const { put(w, m.jobs); }
  void operator()(const Returned& m) const { put(w, m.jobs); }
  void operator()(const Progressed& m) const { put(w, m.jobs); }
  void operator()(const Ready&) const { w.nil(); }
  void operator()(const StartFailed& m) const { w.str(m.why); }
};

template <class Message>
void append_message(std::string& to, const Message& message, std::size_t first_type, FrameCount& frames) {
  const std::size_t start = to.size();
  to.append(sizeof(FrameHead), '\0');
  Writer w(to);
  w.array(2).number(first_type + message.index());
  std::visit(Write{w}, message);
  const FrameHead head = frames.next_head(static_cast<std::uint32_t>(to.size() - start - sizeof(FrameHead)));
  std::memcpy(to.data() + start, &head, sizeof head);
}

// ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────

template <class Entry, class Read>
std::vector<Entry> read_jobs(const Object& o, Read read) {
  return codec::read_list<Entry>(o, "jobs", message::kMaxList, read);
}

ToChild read_to_child(Type type, const Object& field) {
  switch (type) {
    case Type::run:
      return Run{read_jobs<message::Assignment>(field, codec::read_assignment)};
    case Type::stop:
      return Stop{codec::read_attempt(field)};
    case Type::soft_limit:
      return SoftLimit{codec::read_attempt(field)};
    case Type::recall:
      return Recall{};
    case Type::report_progress:
      return ReportProgress{};
    default:
      throw Malformed{"not a message to a slot's process"};
  }
}

FromChild read_from_child(Type type, const Object& field) {
  switch (type) {
    case Type::ended:
      return Ended{read_jobs<message::Report>(field, codec::read_report)};
    case Type::returned:
      return Returned{read_jobs<AttemptId>(field, codec::read_attempt)};
    case Type::progressed:
      return Progressed{read_jobs<message::ProgressReport>(field, codec::read_progress)};
    case Type::ready:
      return Ready{};
    case Type::start_failed:
      return StartFailed{std::string(codec::read_str(field, "why", kMaxFrame))};
    default:
      throw Malformed{"not a message of a slot's process"};
  }
}

// read(type, field)
template <class Message, class Read>
Result<Message> decode(msgpack::zone& zone, Bytes frame, Read read) {
  zone.clear();
  return codec::read_whole<Message>(zone, frame, [&](const Object& root) {
    const Object* fields = codec::read_fields(root, 2, "a message");
    return read(static_cast<Type>(codec::read_number(fields[0], "type", 255)), fields[1]);
  });
}

}  // namespace

void append(std::string& to, const ToChild& message, FrameCount& frames) { append_message(to, message, 0, frames); }
void append(std::string& to, const FromChild& message, FrameCount& frames) {
  append_message(to, message, kFromChild, frames);
}

struct Decoder::Memory {
  msgpack::zone zone;
};

Decoder::Decoder() : memory_(std::make_unique<Memory>()) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

Result<ToChild> Decoder::to_child(Bytes frame) { return decode<ToChild>(memory_->zone, frame, read_to_child); }

Result<FromChild> Decoder::from_child(Bytes frame) { return decode<FromChild>(memory_->zone, frame, read_from_child); }

}  // namespace zebu::consumer::protocol
