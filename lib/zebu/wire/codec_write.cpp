#include "zebu/wire/codec.h"
#include "zebu/wire/codec_writer.h"

#include <algorithm>

namespace zebu {
namespace codec {
namespace {

using message::Type;

template <class Duration>
std::uint64_t count_of(Duration duration) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, duration.count()));
}

std::uint64_t unix_ms(WallTime time) { return count_of(time.time_since_epoch()); }

// Bytes that are written as a bin.
struct Binary {
  Bytes bytes;
};

// Calls put(key, value) for each option that ASSIGN has and that differs from its default.
template <class F>
void each_assigned_option(const JobOptions& o, F&& put) {
  if (o.transient) put("transient", true);
  if (o.acks_early) put("acks", std::string_view("early"));
  if (o.soft_limit) put("soft_limit_ms", count_of(*o.soft_limit));
  if (o.hard_limit) put("hard_limit_ms", count_of(*o.hard_limit));
  if (!o.headers.empty()) put("headers", o.headers);
  if (o.is_private) put("private", true);
  if (o.retry.max != RetryPolicy{}.max) put("retries", std::uint64_t{o.retry.max});
}

// The same for all options. If you add one, also change docs/protocol.md, JobOptions, kOptions in
// codec_read_entries.cpp, why_bad in job.cpp and the golden line.
template <class F>
void each_option(const JobOptions& o, F&& put) {
  constexpr RetryPolicy kRetry;
  each_assigned_option(o, put);
  if (o.only_served) put("only_served", true);
  if (o.priority != kDefaultPriority) put("priority", std::uint64_t{o.priority});
  if (o.retry.delay != kRetry.delay) put("retry_delay_ms", count_of(o.retry.delay));
  if (o.retry.factor != kRetry.factor) put("retry_factor", o.retry.factor);
  if (o.retry.cap != kRetry.cap) put("retry_cap_ms", count_of(o.retry.cap));
  if (o.retry.jitter != kRetry.jitter) put("retry_jitter", o.retry.jitter);
  if (o.delay.count() != 0) put("delay_ms", count_of(o.delay));
  if (o.run_at) put("run_at_ms", unix_ms(*o.run_at));
  if (o.expires_in) put("expires_in_ms", count_of(*o.expires_in));
  if (o.expires_at) put("expires_at_ms", unix_ms(*o.expires_at));
  if (o.result_ttl) put("result_ttl_ms", count_of(*o.result_ttl));
  if (!o.unique.empty()) put("unique", std::string_view(o.unique));
  if (o.unique_while == UniqueWhile::queued) put("unique_while", std::string_view("queued"));
  if (o.unique_for.count() != 0) put("unique_for_ms", count_of(o.unique_for));
}

void write_value(Writer& w, bool value) { w.boolean(value); }
void write_value(Writer& w, std::uint64_t value) { w.number(value); }
void write_value(Writer& w, double value) { w.real(value); }
void write_value(Writer& w, std::string_view value) { w.str(value); }
void write_value(Writer& w, Binary value) { w.bin(value.bytes); }
void write_value(Writer& w, const std::vector<Header>& headers) {
  w.map(headers.size());
  for (const Header& header : headers) w.str(header.first).str(header.second);
}

// Writes a map of the pairs that `each` puts. Calls `each` once to count them, and again to write them if there are
// any.
template <class Each>
void write_map(Writer& w, Each&& each) {
  std::size_t count = 0;
  each([&](const char*, const auto&) { ++count; });
  w.map(count);
  if (count == 0) return;
  each([&](const char* key, const auto& value) {
    w.str(key);
    write_value(w, value);
  });
}

void write_features(Writer& w, const auto& features) {
  if (!features.empty()) w.str("features").strings(features);
}

void write(Writer& w, const message::Hello& hello) {
  const message::ConsumerFacts& facts = hello.consumer;
  const std::size_t optional = hello.features.empty() ? 0 : 1;
  if (hello.role == message::Role::client) return write_features(w.map(optional), hello.features);
  w.map(5 + optional).str("queues").strings(facts.queues).str("slots").number(facts.slots);
  w.str("tasks").strings(facts.tasks);
  w.str("pool").str(facts.pool);
  w.str("runs").array(facts.runs.size());
  for (const AttemptId& run : facts.runs) w.attempt(run);
  write_features(w, hello.features);
}

void write(Writer& w, const message::About& about) {
  w.map(std::size_t{about.type.has_value()} + std::size_t{about.attempt.has_value()} +
        std::size_t{!about.entries.empty()} + std::size_t{about.retry_after.has_value()} +
        (about.version ? std::size_t{2} : 0) + std::size_t{!about.endpoints.empty()});
  if (about.type) w.str("type").number(*about.type);
  if (about.attempt) w.str("attempt").attempt(*about.attempt);
  if (!about.entries.empty()) {
    w.str("entries").array(about.entries.size());
    for (const std::uint32_t entry : about.entries) w.number(entry);
  }
  if (about.retry_after) w.str("retry_after_ms").number(count_of(*about.retry_after));
  if (about.version) w.str("major").number(about.version->first).str("minor").number(about.version->second);
  if (!about.endpoints.empty()) w.str("endpoints").strings(about.endpoints);
}

void write(Writer& w, const message::Params& params) {
  const std::pair<const char*, std::string_view> texts[] = {{"queue", params.queue},
                                                            {"task", params.task},
                                                            {"reason", params.reason},
                                                            {"consumer", params.consumer},
                                                            {"after", params.after}};
  std::size_t count =
      std::size_t{!params.ids.empty()} + std::size_t{params.state.has_value()} + std::size_t{params.limit != 0};
  for (const auto& text : texts) count += std::size_t{!text.second.empty()};
  w.map(count);
  if (!params.ids.empty()) w.str("ids").ids(params.ids);
  for (const auto& [key, value] : texts) {
    if (!value.empty()) w.str(key).str(value);
  }
  if (params.state) w.str("state").str(to_string(*params.state));
  if (params.limit != 0) w.str("limit").number(params.limit);
}

template <class Entries>
Frame batch_of(Type type, const Entries& entries, std::uint32_t lead = 0) {
  Batch batch(type);
  for (const auto& entry : entries) batch.add(entry);
  return batch.finish(lead);
}

// One overload per message. Messages with lists go through Batch, the others are written here.
struct Encode {
  template <class F>
  static Frame plain(std::size_t fields, Type type, F&& rest) {
    Frame frame;
    Writer w(frame.buffer);
    w.array(fields).type(type);
    rest(w);
    return frame;
  }
  static Frame bare(Type type) {
    return plain(1, type, [](Writer&) {});
  }
  // QUERY and COMMAND.
  template <class M>
  static Frame question(Type type, const M& m) {
    return plain(4, type, [&](Writer& w) {
      w.number(m.number).str(m.what);
      write(w, m.params);
    });
  }

  Frame operator()(const message::Hello& m) const {
    return plain(7, Type::hello, [&](Writer& w) {
      w.number(m.major).number(m.minor).str(m.role == message::Role::client ? "client" : "consumer");
      w.str(m.name).id(m.instance);
      write(w, m);
    });
  }
  Frame operator()(const message::Welcome& m) const {
    return plain(5, Type::welcome, [&](Writer& w) {
      w.number(m.major).number(m.minor).id(m.instance).map(m.features.empty() ? 5 : 6).str("grant").number(m.grant);
      w.str("beat_ms").number(count_of(m.beat)).str("liveness_ms").number(count_of(m.liveness));
      w.str("max_message").number(m.max_message).str("max_part").number(m.max_part);
      write_features(w, m.features);
    });
  }
  static Frame with_number(Type type, std::uint64_t number) {
    return plain(2, type, [&](Writer& w) { w.number(number); });
  }
  Frame operator()(const message::Part& m) const {
    return plain(5, Type::part, [&](Writer& w) { w.number(m.number).number(m.offset).number(m.total).bin(m.bytes); });
  }
  Frame operator()(const message::Ack& m) const { return with_number(Type::ack, m.bytes); }
  Frame operator()(const message::Hold& m) const { return with_number(Type::hold, m.number); }
  Frame operator()(const message::Go& m) const { return with_number(Type::go, m.number); }
  Frame operator()(const message::ErrorReport& m) const {
    return plain(4, Type::error, [&](Writer& w) {
      w.str(to_string(m.code)).str(m.message);
      write(w, m.about);
    });
  }
  Frame operator()(const message::Beat&) const { return bare(Type::beat); }
  Frame operator()(const message::Bye& m) const {
    if (!m.after) return bare(Type::bye);
    return plain(2, Type::bye, [&](Writer& w) { w.number(count_of(*m.after)); });
  }
  Frame operator()(const message::Echo& m) const { return with_number(Type::echo, m.number); }
  Frame operator()(const message::Drained&) const { return bare(Type::drained); }
  Frame operator()(const message::Drain&) const { return bare(Type::drain); }
  Frame operator()(const message::Query& m) const { return question(Type::query, m); }
  Frame operator()(const message::Command& m) const { return question(Type::command, m); }
  Frame operator()(const message::Answer& m) const {
    return plain(m.more ? 4 : 3, Type::answer, [&](Writer& w) {
      w.number(m.number).bin(m.value);
      if (m.more) w.boolean(true);
    });
  }
  Frame operator()(const message::Credit& m) const {
    return plain(2, Type::credit, [&](Writer& w) { w.number(m.credit); });
  }
  Frame operator()(const message::Kept& m) const {
    return plain(m.in_parts.empty() ? 2 : 3, Type::kept, [&](Writer& w) {
      w.number(m.count);
      if (m.in_parts.empty()) return;
      w.array(m.in_parts.size());
      for (const AttemptId& attempt : m.in_parts) w.attempt(attempt);
    });
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
  Frame operator()(const message::Ending& m) const { return batch_of(Type::ending, m.jobs); }
  Frame operator()(const message::Done& m) const { return batch_of(Type::done, m.jobs); }
  Frame operator()(const message::Attached& m) const { return batch_of(Type::attached, m.jobs); }
  Frame operator()(const message::Assign& m) const { return batch_of(Type::assign, m.jobs); }
  Frame operator()(const message::Stop& m) const { return batch_of(Type::stop, m.jobs); }
  Frame operator()(const message::ProgressReports& m) const { return batch_of(Type::progress, m.jobs); }
};

template <class Entry>
void append(std::string& to, const Entry& entry) {
  Writer w(to);
  write(w, entry);
}

}  // namespace

void write(Writer& w, const JobView& job) {
  w.array(5).id(job.id).str(job.task).str(job.queue).bin(job.args);
  write_map(w, [&](auto&& put) {
    each_option(job.options, put);
    if (!job.kwargs.empty()) put("kwargs", Binary{job.kwargs});
  });
}

void write(Writer& w, const AssignmentView& assignment) {
  const JobView& job = assignment.job;
  w.array(6).id(job.id).number(assignment.attempt).str(job.task).str(job.queue).bin(job.args);
  const message::Tries& tries = assignment.tries;
  write_map(w, [&](auto&& put) {
    each_assigned_option(job.options, put);
    if (!job.kwargs.empty()) put("kwargs", Binary{job.kwargs});
    if (tries.failures != 0) put("failures", std::uint64_t{tries.failures});
    if (tries.crashes != 0) put("crashes", std::uint64_t{tries.crashes});
    if (tries.losses != 0) put("losses", std::uint64_t{tries.losses});
  });
}

void write(Writer& w, const message::Submission& job) {
  write(w, JobView{job.id, job.task, job.queue, job.args, job.options, job.kwargs});
}

void write(Writer& w, const message::Assignment& job) {
  write(w, AssignmentView{{job.id, job.task, job.queue, job.args, job.options, job.kwargs}, job.attempt, job.tries});
}

void write(Writer& w, const message::Attachment& attachment) { w.array(2).id(attachment.id).id(attachment.to); }

void write(Writer& w, const message::EndingJob& ending) { w.array(2).id(ending.id).str(to_string(ending.state)); }

void write(Writer& w, const message::Refusal& refusal) {
  w.array(4).id(refusal.id).str(to_string(refusal.code)).str(refusal.message).number(count_of(refusal.retry_after));
}

void write(Writer& w, const message::Report& report) {
  w.array(5).id(report.id).number(report.attempt).str(to_string(report.state));
  if (report.state == JobState::succeeded) {
    w.bin(report.result);
  } else if (report.state == JobState::failed) {
    write_error(w, report.error);
  } else {
    w.nil();
  }
  w.number(count_of(report.ran));
}

void write(Writer& w, const message::ProgressReport& report) {
  w.array(7).id(report.id).number(report.attempt);
  if (report.done) {
    w.real(*report.done);
  } else {
    w.nil();
  }
  w.str(report.note).str(report.output).number(report.offset).number(report.number);
}

}  // namespace codec

namespace {

Frame::Turn turn_of(message::Type type) {
  switch (type) {
    case message::Type::hello:
    case message::Type::welcome:
      return Frame::Turn::uncounted;
    case message::Type::beat:
    case message::Type::ack:
    case message::Type::hold:
    case message::Type::go:
      return Frame::Turn::urgent;
    case message::Type::bye:
    case message::Type::echo:
    case message::Type::drained:
      return Frame::Turn::barrier;
    default:
      return Frame::Turn::in_order;
  }
}

}  // namespace

Frame encode(const message::Message& message) {
  Frame frame = std::visit(codec::Encode{}, message);
  frame.turn = turn_of(message::type_of(message));
  return frame;
}

void append_entry(std::string& to, const JobView& job) { codec::append(to, job); }
void append_entry(std::string& to, const message::Report& report) { codec::append(to, report); }

// Ids, keys, numbers and the lengths of texts are counted as the longest that they can be.
std::size_t wire_size(const TaskError& error) {
  constexpr std::size_t kLength = 5;
  constexpr std::size_t kDetails = 96;  // keys and lengths of a cause, and the time
  std::size_t size = error.type.size() + error.message.size();
  for (const std::string& line : error.trace) size += kLength + line.size();
  if (error.details) size += kDetails;
  return size + (error.cause() != nullptr ? wire_size(*error.cause()) : 0);
}

std::size_t wire_size(const Outcome& outcome) {
  constexpr std::size_t kFixed = 96;
  const std::size_t error = outcome.state == JobState::failed ? wire_size(outcome.error) : 0;
  return kFixed + outcome.result.size() + error;
}

std::size_t wire_size(const message::ProgressReport& report) {
  constexpr std::size_t kFixed = 66;
  return kFixed + report.note.size() + report.output.size();
}

std::size_t text_bytes(const message::ErrorView& error) {
  std::size_t bytes = error.type.size() + error.message.size();
  for (const std::string_view line : error.trace) bytes += line.size();
  return bytes + (error.cause() != nullptr ? text_bytes(*error.cause()) : 0);
}

std::string encode_entry(const message::Submission& job) {
  std::string entry;
  codec::append(entry, job);
  return entry;
}
std::string encode_entry(const message::Report& report) {
  std::string entry;
  append_entry(entry, report);
  return entry;
}

}  // namespace zebu
