#include <zebu/codec.h>

#include <msgpack.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

namespace zebu {
namespace message {
namespace {

struct TypeName {
  Type type;
  std::string_view name;
};
// In the order of Message's alternatives.
constexpr std::array<TypeName, std::variant_size_v<Message>> kTypes = {{
    {Type::hello, "HELLO"},     {Type::welcome, "WELCOME"}, {Type::error, "ERROR"},       {Type::beat, "BEAT"},
    {Type::bye, "BYE"},         {Type::submit, "SUBMIT"},   {Type::accepted, "ACCEPTED"}, {Type::refused, "REFUSED"},
    {Type::wait, "WAIT"},       {Type::done, "DONE"},       {Type::leave, "LEAVE"},       {Type::cancel, "CANCEL"},
    {Type::unknown, "UNKNOWN"}, {Type::query, "QUERY"},     {Type::answer, "ANSWER"},     {Type::credit, "CREDIT"},
    {Type::assign, "ASSIGN"},   {Type::outcome, "OUTCOME"}, {Type::kept, "KEPT"},         {Type::return_, "RETURN"},
    {Type::stop, "STOP"},       {Type::drain, "DRAIN"},
}};

}  // namespace

Type type_of(const Message& message) { return kTypes[message.index()].type; }

std::string_view name_of(Type type) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& t) { return t.type == type; });
  return found == kTypes.end() ? "?" : found->name;
}

Report report_of(const JobId& id, std::uint32_t attempt, const Outcome& outcome) {
  Report report{id, attempt, outcome.state, outcome.result, {}, outcome.ran};
  report.error = {outcome.error.type, outcome.error.message,
                  std::vector<std::string_view>(outcome.error.trace.begin(), outcome.error.trace.end())};
  return report;
}

Outcome outcome_of(const Report& report) {
  Outcome outcome{report.state, std::string(report.result), {}, report.ran};
  outcome.error = {std::string(report.error.type), std::string(report.error.message),
                   std::vector<std::string>(report.error.trace.begin(), report.error.trace.end())};
  return outcome;
}

}  // namespace message

namespace {

using message::Type;

constexpr std::size_t kHeaderRoom = 15;  // the longest header has 13 bytes; an empty batch needs no allocation
constexpr std::size_t kMaxNames = 1024;  // queues or tasks in a HELLO, frames in a trace
constexpr std::size_t kMaxDepth = 8;

// ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

struct Sink {
  std::string& to;
  void write(const char* bytes, std::size_t count) { to.append(bytes, count); }
};

class Writer {
 public:
  explicit Writer(std::string& to) : sink_{to}, packer_(sink_) {}

  Writer& array(std::size_t count) { return packer_.pack_array(static_cast<std::uint32_t>(count)), *this; }
  Writer& map(std::size_t count) { return packer_.pack_map(static_cast<std::uint32_t>(count)), *this; }
  Writer& number(std::uint64_t n) { return packer_.pack_uint64(n), *this; }
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
  Writer& type(Type type) { return number(static_cast<std::uint8_t>(type)); }

 private:
  Sink sink_;
  msgpack::packer<Sink> packer_;
};

// If you add an option: docs/protocol.md, JobOptions, read_options below, the golden line.
void write(Writer& w, const JobOptions& options) {
  w.map(std::size_t{options.transient} + std::size_t{options.only_served});
  if (options.transient) w.str("transient").boolean(true);
  if (options.only_served) w.str("only_served").boolean(true);
}

void write(Writer& w, const message::Submission& job) {
  w.array(5).id(job.id).str(job.task).str(job.queue).bin(job.args);
  write(w, job.options);
}

void write(Writer& w, const message::Assignment& job) {
  w.array(6).id(job.id).number(job.attempt).str(job.task).str(job.queue).bin(job.args);
  write(w, job.options);
}

void write(Writer& w, const message::Refusal& refusal) {
  w.array(4).id(refusal.id).str(to_string(refusal.code)).str(refusal.message);
  w.number(static_cast<std::uint64_t>(refusal.retry_after.count()));
}

void write(Writer& w, const message::Report& report) {
  w.array(5).id(report.id).number(report.attempt).str(to_string(report.state));
  if (report.state == JobState::succeeded) {
    w.bin(report.result);
  } else if (report.state == JobState::failed) {
    w.map(3).str("type").str(report.error.type).str("message").str(report.error.message);
    w.str("trace").strings(report.error.trace);
  } else {
    w.nil();
  }
  w.number(static_cast<std::uint64_t>(std::max<std::int64_t>(0, report.ran.count())));
}

void write(Writer& w, const message::ConsumerFacts& facts) {
  w.map(5).str("queues").strings(facts.queues).str("slots").number(facts.slots);
  w.str("tasks").strings(facts.tasks);
  w.str("pool").str(facts.pool == message::PoolKind::processes ? "processes" : "threads");
  w.str("runs").array(facts.runs.size());
  for (const AttemptId& run : facts.runs) w.attempt(run);
}

template <class Entries>
Frame batch_of(Type type, const Entries& entries, std::uint32_t lead = 0) {
  Batch batch(type);
  for (const auto& entry : entries) batch.add(entry);
  return batch.finish(lead);
}

// One overload a message: batches go through Batch, the others are written here.
struct Encode {
  template <class F>
  static Frame plain(std::size_t fields, Type type, F&& rest) {
    Frame frame;
    Writer w(frame.buffer);
    w.array(fields).type(type);
    rest(w);
    return frame;
  }

  Frame operator()(const message::Hello& m) const {
    return plain(7, Type::hello, [&](Writer& w) {
      w.number(m.major).number(m.minor).str(m.role == message::Role::client ? "client" : "consumer");
      w.str(m.name).id(m.instance);
      if (m.role == message::Role::consumer) {
        write(w, m.consumer);
      } else {
        w.map(0);
      }
    });
  }
  Frame operator()(const message::Welcome& m) const {
    return plain(5, Type::welcome, [&](Writer& w) {
      w.number(m.major).number(m.minor).id(m.instance).map(4).str("grant").number(m.grant);
      w.str("beat_ms").number(static_cast<std::uint64_t>(m.beat.count()));
      w.str("liveness_ms").number(static_cast<std::uint64_t>(m.liveness.count()));
      w.str("max_message").number(m.max_message);
    });
  }
  Frame operator()(const message::ErrorReport& m) const {
    return plain(3, Type::error, [&](Writer& w) { w.str(to_string(m.code)).str(m.message); });
  }
  Frame operator()(const message::Beat&) const {
    return plain(1, Type::beat, [](Writer&) {});
  }
  Frame operator()(const message::Bye&) const {
    return plain(1, Type::bye, [](Writer&) {});
  }
  Frame operator()(const message::Drain&) const {
    return plain(1, Type::drain, [](Writer&) {});
  }
  Frame operator()(const message::Query& m) const {
    return plain(4, Type::query, [&](Writer& w) {
      w.number(m.number).str(m.what).map(m.ids.empty() ? 0 : 1);
      if (m.ids.empty()) return;
      w.str("ids").array(m.ids.size());
      for (const JobId& id : m.ids) w.id(id);
    });
  }
  Frame operator()(const message::Answer& m) const {
    return plain(3, Type::answer, [&](Writer& w) { w.number(m.number).bin(m.value); });
  }
  Frame operator()(const message::Credit& m) const {
    return plain(2, Type::credit, [&](Writer& w) { w.number(m.credit); });
  }
  Frame operator()(const message::Kept& m) const {
    return plain(2, Type::kept, [&](Writer& w) { w.number(m.count); });
  }
  Frame operator()(const message::Submit& m) const { return batch_of(Type::submit, m.jobs, m.wait ? 1 : 0); }
  Frame operator()(const message::OutcomeReport& m) const { return batch_of(Type::outcome, m.jobs, m.credit); }
  Frame operator()(const message::Return& m) const { return batch_of(Type::return_, m.jobs, m.credit); }
  Frame operator()(const message::Accepted& m) const { return batch_of(Type::accepted, m.ids); }
  Frame operator()(const message::Wait& m) const { return batch_of(Type::wait, m.ids); }
  Frame operator()(const message::Leave& m) const { return batch_of(Type::leave, m.ids); }
  Frame operator()(const message::Cancel& m) const { return batch_of(Type::cancel, m.ids); }
  Frame operator()(const message::Unknown& m) const { return batch_of(Type::unknown, m.ids); }
  Frame operator()(const message::Refused& m) const { return batch_of(Type::refused, m.jobs); }
  Frame operator()(const message::Done& m) const { return batch_of(Type::done, m.jobs); }
  Frame operator()(const message::Assign& m) const { return batch_of(Type::assign, m.jobs); }
  Frame operator()(const message::Stop& m) const { return batch_of(Type::stop, m.jobs); }
};

// ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────

struct Malformed {
  std::string what;
};

using Object = msgpack::object;

const Object& expect(const Object& o, msgpack::type::object_type type, const char* what) {
  if (o.type != type) throw Malformed{what};
  return o;
}

std::uint64_t read_number(const Object& o, const char* field, std::uint64_t max) {
  if (o.type != msgpack::type::POSITIVE_INTEGER || o.via.u64 > max) {
    throw Malformed{std::string(field) + " must be an integer from 0 to " + std::to_string(max)};
  }
  return o.via.u64;
}

std::uint32_t read_u32(const Object& o, const char* field,
                       std::uint32_t max = std::numeric_limits<std::uint32_t>::max()) {
  return static_cast<std::uint32_t>(read_number(o, field, max));
}

std::chrono::milliseconds read_ms(const Object& o, const char* field) {
  return std::chrono::milliseconds(read_number(o, field, std::numeric_limits<std::int32_t>::max()));
}

std::string_view read_str(const Object& o, const char* field) {
  if (o.type != msgpack::type::STR) throw Malformed{std::string(field) + " must be a string"};
  return {o.via.str.ptr, o.via.str.size};
}

Bytes read_bin(const Object& o, const char* field) {
  if (o.type != msgpack::type::BIN) throw Malformed{std::string(field) + " must be binary"};
  return {o.via.bin.ptr, o.via.bin.size};
}

bool read_bool(const Object& o, const char* field) {
  if (o.type != msgpack::type::BOOLEAN) throw Malformed{std::string(field) + " must be a boolean"};
  return o.via.boolean;
}

Uuid read_id(const Object& o, const char* field) {
  const auto id = o.type == msgpack::type::BIN ? Uuid::from_bytes({o.via.bin.ptr, o.via.bin.size}) : std::nullopt;
  if (!id) throw Malformed{std::string(field) + " must be 16 bytes of binary"};
  return *id;
}

std::string_view read_name(const Object& o, const char* field) {
  const std::string_view name = read_str(o, field);
  if (!is_valid_name(name)) {
    throw Malformed{std::string(field) + " must have 1 to 128 bytes of UTF-8 without spaces or control characters"};
  }
  return name;
}

// The elements of an array of at least `count`; an older reader ignores what a newer minor version appends.
const Object* read_fields(const Object& o, std::size_t count, const char* what) {
  if (o.type != msgpack::type::ARRAY || o.via.array.size < count) {
    throw Malformed{std::string(what) + " must be an array of " + std::to_string(count)};
  }
  return o.via.array.ptr;
}

template <class T, class F>
std::vector<T> read_list(const Object& o, const char* what, std::size_t max, F&& read) {
  if (o.type != msgpack::type::ARRAY || o.via.array.size > max) {
    throw Malformed{std::string(what) + " must be a list of at most " + std::to_string(max)};
  }
  std::vector<T> list;
  list.reserve(o.via.array.size);
  for (std::uint32_t i = 0; i < o.via.array.size; ++i) list.push_back(read(o.via.array.ptr[i]));
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

std::vector<JobId> read_ids(const Object& o) {
  return read_list<JobId>(o, "ids", message::kMaxList, [](const Object& id) { return read_id(id, "an id"); });
}

AttemptId read_attempt(const Object& o) {
  const Object* f = read_fields(o, 2, "[id, attempt]");
  return {read_id(f[0], "id"), read_u32(f[1], "attempt")};
}

JobOptions read_options(const Object& o) {
  JobOptions options;
  read_map(o, "options", [&](std::string_view key, const Object& value) {
    if (key == "transient") {
      options.transient = read_bool(value, "transient");
    } else if (key == "only_served") {
      options.only_served = read_bool(value, "only_served");
    } else {
      throw Malformed{"unknown job option '" + std::string(key.substr(0, 64)) + "'"};
    }
  });
  return options;
}

message::Submission read_submission(const Object& o) {
  const Object* f = read_fields(o, 5, "a job");
  return {read_id(f[0], "id"), read_str(f[1], "task"), read_str(f[2], "queue"), read_bin(f[3], "args"),
          read_options(f[4])};
}

message::Assignment read_assignment(const Object& o) {
  const Object* f = read_fields(o, 6, "an assignment");
  return {read_id(f[0], "id"),      read_u32(f[1], "attempt"), read_name(f[2], "task"),
          read_name(f[3], "queue"), read_bin(f[4], "args"),    read_options(f[5])};
}

ErrorCode read_code(const Object& o) {
  const std::string_view text = read_str(o, "code");
  const auto code = error_code_from(text);
  if (!code) throw Malformed{"unknown code '" + std::string(text.substr(0, 64)) + "'"};
  return *code;
}

message::Refusal read_refusal(const Object& o) {
  const Object* f = read_fields(o, 4, "a refusal");
  return {read_id(f[0], "id"), read_code(f[1]), read_str(f[2], "message"), read_ms(f[3], "retry_after_ms")};
}

message::ErrorView read_error(const Object& o) {
  message::ErrorView error;
  read_map(o, "an error", [&](std::string_view key, const Object& value) {
    if (key == "type") error.type = read_str(value, "type");
    if (key == "message") error.message = read_str(value, "message");
    if (key == "trace") {
      error.trace = read_list<std::string_view>(value, "trace", kMaxNames,
                                                [](const Object& line) { return read_str(line, "a trace's line"); });
    }
  });
  return error;
}

message::Report read_report(const Object& o) {
  const Object* f = read_fields(o, 5, "an outcome");
  message::Report report;
  report.id = read_id(f[0], "id");
  report.attempt = read_u32(f[1], "attempt");
  const auto state = job_state_from(read_str(f[2], "state"));
  if (!state || !is_final(*state)) throw Malformed{"state must be a final one"};
  report.state = *state;
  if (report.state == JobState::succeeded) report.result = read_bin(f[3], "result");
  if (report.state == JobState::failed) report.error = read_error(f[3]);
  report.ran = std::chrono::microseconds(
      read_number(f[4], "run_us", static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())));
  return report;
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
    if (key == "pool") {
      const std::string_view pool = read_str(value, "pool");
      if (pool != "processes" && pool != "threads") throw Malformed{"pool must be 'processes' or 'threads'"};
      facts.pool = pool == "threads" ? message::PoolKind::threads : message::PoolKind::processes;
    }
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
  if (hello.role == message::Role::consumer) {
    hello.consumer = read_consumer_facts(f[6]);
  } else {
    expect(f[6], msgpack::type::MAP, "facts must be a map");
  }
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
  });
  return welcome;
}

message::Query read_query(const Object* f) {
  message::Query query;
  query.number = read_number(f[1], "number", std::numeric_limits<std::uint64_t>::max());
  query.what = read_str(f[2], "what");
  read_map(f[3], "params", [&](std::string_view key, const Object& value) {
    if (key == "ids") query.ids = read_ids(value);
  });
  return query;
}

template <class T, class F>
auto read_entries(const Object& o, const char* what, F&& read) {
  return read_list<T>(o, what, message::kMaxList, std::forward<F>(read));
}

message::Message read_message(const Object& root) {
  const Object* f = read_fields(root, 1, "a message");
  const std::size_t count = root.via.array.size;
  const auto type = static_cast<Type>(read_number(f[0], "type", 255));
  const auto need = [&](std::size_t fields) {
    if (count < fields) {
      throw Malformed{std::string(message::name_of(type)) + " must be an array of " + std::to_string(fields)};
    }
  };
  switch (type) {
    case Type::hello:
      return need(2), read_hello(f, count);
    case Type::welcome:
      return need(5), read_welcome(f);
    case Type::error:
      return need(3), message::ErrorReport{read_code(f[1]), read_str(f[2], "message")};
    case Type::beat:
      return message::Beat{};
    case Type::bye:
      return message::Bye{};
    case Type::submit:
      return need(3),
             message::Submit{read_bool(f[1], "wait"), read_entries<message::Submission>(f[2], "jobs", read_submission)};
    case Type::accepted:
      return need(2), message::Accepted{read_ids(f[1])};
    case Type::refused:
      return need(2), message::Refused{read_entries<message::Refusal>(f[1], "jobs", read_refusal)};
    case Type::wait:
      return need(2), message::Wait{read_ids(f[1])};
    case Type::done:
      return need(2), message::Done{read_entries<message::Report>(f[1], "jobs", read_report)};
    case Type::leave:
      return need(2), message::Leave{read_ids(f[1])};
    case Type::cancel:
      return need(2), message::Cancel{read_ids(f[1])};
    case Type::unknown:
      return need(2), message::Unknown{read_ids(f[1])};
    case Type::query:
      return need(4), read_query(f);
    case Type::answer:
      return need(3), message::Answer{read_number(f[1], "number", std::numeric_limits<std::uint64_t>::max()),
                                      read_bin(f[2], "answer")};
    case Type::credit:
      return need(2), message::Credit{read_u32(f[1], "credit", message::kMaxCredit)};
    case Type::assign:
      return need(2), message::Assign{read_entries<message::Assignment>(f[1], "jobs", read_assignment)};
    case Type::outcome:
      return need(3), message::OutcomeReport{read_u32(f[1], "credit", message::kMaxCredit),
                                             read_entries<message::Report>(f[2], "jobs", read_report)};
    case Type::kept:
      return need(2), message::Kept{read_number(f[1], "count", std::numeric_limits<std::uint64_t>::max())};
    case Type::return_:
      return need(3), message::Return{read_u32(f[1], "credit", message::kMaxCredit),
                                      read_entries<AttemptId>(f[2], "jobs", read_attempt)};
    case Type::stop:
      return need(2), message::Stop{read_entries<AttemptId>(f[1], "jobs", read_attempt)};
    case Type::drain:
      return message::Drain{};
  }
  throw Malformed{"unknown message type " + std::to_string(f[0].via.u64)};
}

}  // namespace

// ── Frame, Batch ────────────────────────────────────────────────────────────────────────────────────────────────────

Frame encode(const message::Message& message) { return std::visit(Encode{}, message); }

std::string encode_entry(const message::Submission& job) {
  std::string entry;
  Writer w(entry);
  write(w, job);
  return entry;
}

Batch::Batch(Type type) : type_(type) { buffer_.resize(kHeaderRoom); }

void Batch::add(const JobId& id) {
  Writer(buffer_).id(id);
  ++count_;
}
void Batch::add(const AttemptId& attempt) {
  Writer(buffer_).attempt(attempt);
  ++count_;
}
void Batch::add(const message::Submission& job) {
  Writer w(buffer_);
  write(w, job);
  ++count_;
}
void Batch::add(const message::Refusal& refusal) {
  Writer w(buffer_);
  write(w, refusal);
  ++count_;
}
void Batch::add(const message::Report& report) {
  Writer w(buffer_);
  write(w, report);
  ++count_;
}
void Batch::add(const message::Assignment& assignment) {
  Writer w(buffer_);
  write(w, assignment);
  ++count_;
}
void Batch::add_encoded(Bytes entry) {
  buffer_.append(entry);
  ++count_;
}

bool Batch::is_full(std::size_t entry, std::size_t max_message) const {
  return count_ >= message::kMaxList || (count_ > 0 && buffer_.size() + entry > max_message);
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

  Frame frame{std::move(buffer_), kHeaderRoom - header.size()};
  std::memcpy(frame.buffer.data() + frame.start, header.data(), header.size());
  buffer_ = std::string(kHeaderRoom, '\0');
  count_ = 0;
  return frame;
}

// ── Decoder ─────────────────────────────────────────────────────────────────────────────────────────────────────────

struct Decoder::Memory {
  msgpack::zone zone;
};

Decoder::Decoder() : memory_(std::make_unique<Memory>()) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

Result<message::Message> Decoder::decode(Bytes frame) {
  const auto reference_all = [](msgpack::type::object_type, std::size_t, void*) { return true; };
  try {
    memory_->zone.clear();
    // No element is smaller than a byte, so an array cannot honestly claim more than the frame has: this is what
    // keeps the memory for hostile lengths proportional to the bytes that were really sent.
    const std::size_t most = std::min<std::size_t>(frame.size(), message::kMaxList);
    const msgpack::unpack_limit limit(most, std::min<std::size_t>(most, 1024), frame.size(), frame.size(), frame.size(),
                                      kMaxDepth);
    std::size_t used = 0;
    bool referenced = false;
    const Object root =
        msgpack::unpack(memory_->zone, frame.data(), frame.size(), used, referenced, reference_all, nullptr, limit);
    read_fields(root, 1, "a message");
    if (used != frame.size()) throw Malformed{"bytes behind the message"};
    return read_message(root);
  } catch (const Malformed& e) {
    return fail(ErrorCode::bad_message, e.what);
  } catch (const std::exception& e) {
    return fail(ErrorCode::bad_message, std::string("not a msgpack message: ") + e.what());
  }
}

}  // namespace zebu
