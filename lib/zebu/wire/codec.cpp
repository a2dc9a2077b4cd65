#include "zebu/wire/codec.h"

#include "zebu/utf8.h"
#include "zebu/wire/codec_writer.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace zebu {
namespace message {
namespace {

struct TypeName {
  Type type;
  std::string_view name;
};
// In the order of Message's alternatives.
constexpr std::array<TypeName, std::variant_size_v<Message>> kTypes = {{
    {Type::hello, "HELLO"},       {Type::welcome, "WELCOME"}, {Type::error, "ERROR"},
    {Type::beat, "BEAT"},         {Type::bye, "BYE"},         {Type::submit, "SUBMIT"},
    {Type::accepted, "ACCEPTED"}, {Type::refused, "REFUSED"}, {Type::wait, "WAIT"},
    {Type::done, "DONE"},         {Type::leave, "LEAVE"},     {Type::cancel, "CANCEL"},
    {Type::unknown, "UNKNOWN"},   {Type::query, "QUERY"},     {Type::answer, "ANSWER"},
    {Type::attached, "ATTACHED"}, {Type::command, "COMMAND"}, {Type::credit, "CREDIT"},
    {Type::assign, "ASSIGN"},     {Type::outcome, "OUTCOME"}, {Type::kept, "KEPT"},
    {Type::return_, "RETURN"},    {Type::stop, "STOP"},       {Type::drain, "DRAIN"},
    {Type::progress, "PROGRESS"}, {Type::echo, "ECHO"},       {Type::ending, "ENDING"},
    {Type::drained, "DRAINED"},   {Type::part, "PART"},       {Type::ack, "ACK"},
    {Type::hold, "HOLD"},         {Type::go, "GO"},
}};

// room: how many bytes its texts may still have.
TaskError error_of(const ErrorView& view, std::size_t& room) {
  const auto mended = [&room](std::string_view text) {
    std::string copy = mended_utf8(text);
    copy.resize(utf8_beginning(copy, room).size());
    room -= copy.size();
    return copy;
  };
  TaskError error{mended(view.type), mended(view.message), {}, view.kind};
  error.trace.reserve(view.trace.size());
  for (const std::string_view line : view.trace) error.trace.push_back(mended(line));
  if (view.details) {
    ErrorDetails& details = error.details.need();
    details.retry_after = view.retry_after();
    if (view.cause() != nullptr) details.cause = error_of(*view.cause(), room);
  }
  return error;
}

// Mending can make a text longer. An error that came in one frame must fit another one, so a long one is cut.
TaskError error_of(const ErrorView& view) {
  constexpr std::size_t kNeverCut = 16U << 10;
  std::size_t room = std::max(text_bytes(view), kNeverCut);
  return error_of(view, room);
}

ErrorView view_of(const TaskError& error) {
  ErrorView view{error.type, error.message, std::vector<std::string_view>(error.trace.begin(), error.trace.end()),
                 error.kind};
  if (error.details) {
    ErrorViewDetails& details = view.details.need();
    details.retry_after = error.retry_after();
    if (error.cause() != nullptr) details.cause = view_of(*error.cause());
  }
  return view;
}

}  // namespace

Type type_of(const Message& message) { return kTypes[message.index()].type; }

std::string_view name_of(Type type) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& t) { return t.type == type; });
  return found == kTypes.end() ? "?" : found->name;
}

const std::vector<BadEntry>& bad_entries(const Message& message) {
  static const std::vector<BadEntry> none;
  return std::visit(
      [&](const auto& m) -> const std::vector<BadEntry>& {
        if constexpr (requires { m.bad.front().index; }) {
          return m.bad;
        } else {
          return none;
        }
      },
      message);
}

Report report_of(const JobId& id, std::uint32_t attempt, const Outcome& outcome) {
  const bool has_error = outcome.state == JobState::failed;
  return {id, attempt, outcome.state, outcome.result, has_error ? view_of(outcome.error) : ErrorView{}, outcome.ran};
}

Outcome outcome_of(const Report& report) {
  const bool has_error = report.state == JobState::failed;
  return {report.state, std::string(report.result), has_error ? error_of(report.error) : TaskError{}, report.ran};
}

}  // namespace message

namespace {

using codec::Writer;
using message::Type;

constexpr std::size_t kMostReserved = 64U << 10;
constexpr std::size_t kHeaderRoom = 15;  // the longest header has 13 bytes; 15 still fit a string without allocation

}  // namespace

Batch::Batch(Type type) : type_(type) { buffer_.resize(kHeaderRoom); }

void Batch::add(const JobId& id) {
  Writer(buffer_).id(id);
  ++count_;
  if (type_ == Type::cancel || type_ == Type::leave) about_.push_back(id);
}
void Batch::add(const AttemptId& attempt) {
  Writer(buffer_).attempt(attempt);
  ++count_;
  if (type_ == Type::stop) about_.push_back(attempt.job);
}
template <class Entry>
void Batch::write(const Entry& entry) {
  if (count_ == 0) buffer_.reserve(usual_);
  Writer w(buffer_);
  codec::write(w, entry);
  ++count_;
}
void Batch::add(const message::Submission& job) { write(job); }
void Batch::add(const message::Refusal& refusal) { write(refusal); }
void Batch::add(const message::Attachment& attachment) { write(attachment); }
void Batch::add(const message::EndingJob& ending) { write(ending); }
void Batch::add(const message::Report& report) { write(report); }
void Batch::add(const message::Assignment& assignment) { write(assignment); }
void Batch::add(const AssignmentView& assignment) { write(assignment); }
void Batch::add(const message::ProgressReport& report) { write(report); }
void Batch::add_encoded(Bytes entry) {
  if (count_ == 0) buffer_.reserve(usual_);
  buffer_.append(entry);
  ++count_;
}

bool Batch::is_full(std::size_t entry, std::size_t max_part) const {
  return count_ >= message::kMaxList || (count_ > 0 && buffer_.size() + entry > max_part);
}

Frame Batch::finish(std::uint32_t lead) {
  const bool has_lead = type_ == Type::submit || type_ == Type::outcome || type_ == Type::return_;
  std::string header;
  Writer w(header);
  w.array(has_lead ? 3 : 2).type(type_);
  if (type_ == Type::submit) {
    w.boolean(lead != 0);
  } else if (has_lead) {
    w.number(lead);
  }
  w.array(count_);

  usual_ = std::min(buffer_.size() + buffer_.size() / 8, kMostReserved);
  Frame frame{std::move(buffer_), kHeaderRoom - header.size(), Frame::Turn::in_order, std::exchange(about_, {})};
  std::memcpy(frame.buffer.data() + frame.start, header.data(), header.size());
  buffer_ = std::string(kHeaderRoom, '\0');
  count_ = 0;
  return frame;
}

}  // namespace zebu
