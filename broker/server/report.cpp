#include "broker/server/report.h"

#include "zebu/version.h"
#include "zebu/wire/message.h"
#include "zebu/wire/value_writer.h"

#include <algorithm>

namespace zebu::broker {
namespace {

// Tasks that a queue's report names as known to none of its consumers.
constexpr std::size_t kMaxUnserved = 5;
// Jobs that a report names for each consumer.
constexpr std::size_t kMaxRuns = 100;
// Bytes after which a page ends.
constexpr std::size_t kPageBytes = 256U << 10;
// What stands where something of a private job would.
constexpr std::string_view kPrivate = "private";

// The facts that a job in memory and one in the store share. Views: they do not outlive the job. Times are the broker's
// own, and are told by the wall clock, which is `ahead` of it.
struct JobFacts {
  const JobSpec& spec;
  JobState state;
  const Uses& uses;
  const SharedOutcome& outcome;
  std::optional<WallTime> due;
  std::optional<WallTime> started;
  std::optional<WallTime> finished;
  std::string_view consumer;
  const Progress* progress;
  LastAttempt last;
  AttemptLog earlier;
  std::chrono::milliseconds ahead;
  std::size_t args_left_out = 0;  // bytes of arguments that the store did not read

  [[nodiscard]] bool is_private() const { return spec.options.is_private; }
};

std::optional<WallTime> only_if(bool is_valid, WallTime time) { return is_valid ? std::optional(time) : std::nullopt; }

JobFacts facts_of(const Job& job, std::chrono::milliseconds ahead) {
  return {*job.spec,
          job.state,
          job.uses,
          job.outcome,
          only_if(job.state == JobState::scheduled, job.due),
          job.has_started ? std::optional(job.started) : std::nullopt,
          only_if(is_final(job.state), job.finished),
          job.consumer ? std::string_view(*job.consumer) : std::string_view(),
          job.progress(),
          job.last_attempt(),
          job.attempts(),
          ahead};
}
JobFacts facts_of(const StoredJob& job, std::chrono::milliseconds ahead) {
  return {*job.spec,
          job.state,
          job.uses,
          job.outcome,
          only_if(job.state == JobState::scheduled, job.due),
          only_if(job.last.consumer != nullptr, job.last.started),
          only_if(is_final(job.state), job.finished),
          job.last.consumer ? std::string_view(*job.last.consumer) : std::string_view(),
          nullptr,
          job.last,
          job.earlier,
          ahead,
          job.args_left_out};
}

template <class Duration>
void write_count(ValueWriter to, Duration duration) {
  to.number(static_cast<std::uint64_t>(std::max<std::int64_t>(0, duration.count())));
}

void write_milliseconds(ValueWriter to, Clock::duration duration) {
  write_count(to, std::chrono::duration_cast<std::chrono::milliseconds>(duration));
}

void write_time(ValueWriter to, std::optional<WallTime> time, std::chrono::milliseconds ahead) {
  time ? write_count(to, (*time + ahead).time_since_epoch()) : to.nil();
}

void write_text(ValueWriter to, std::string_view text) { text.empty() ? to.nil() : to.text(text); }

void write_texts(ValueWriter to, const std::vector<std::string>& texts) {
  to.array(texts.size());
  for (const std::string& text : texts) to.text(text);
}

void write_headers(ValueWriter to, const std::vector<Header>& headers) {
  MapWriter map(to);
  for (const auto& [key, value] : headers) map[key].text(value);
}

// A text of a private job is not shown.
std::string_view shown(bool is_private, std::string_view text) { return is_private && !text.empty() ? kPrivate : text; }

void write_progress(ValueWriter to, const JobFacts& job) {
  const Progress* progress = job.progress;
  if (progress == nullptr) return to.nil();
  MapWriter map(to);
  progress->done ? map["done"].real(*progress->done) : map["done"].nil();
  map["note"].text(shown(job.is_private(), progress->note));
  map["output"].text(shown(job.is_private(), progress->output));
  map["offset"].number(progress->offset);
  map["number"].number(progress->number);
}

void write_arguments(MapWriter& map, const JobFacts& job) {
  const JobSpec& spec = job.spec;
  const Bytes kwargs = spec.keywords();
  if (spec.options.is_private) {
    map["args"].text(kPrivate);
    if (!kwargs.empty()) map["kwargs"].text(kPrivate);
  } else if (const std::size_t bytes = spec.args.size() + kwargs.size() + job.args_left_out;
             bytes > kMaxShownArguments) {
    map["args_bytes"].number(bytes);
  } else {
    map["args"].binary(spec.args);
    if (!kwargs.empty()) map["kwargs"].binary(kwargs);
  }
}

void write_attempt(ValueWriter to, const AttemptRecord& attempt, const JobFacts& job) {
  MapWriter map(to);
  map["attempt"].number(attempt.attempt);
  map["ended"].text(to_string(attempt.end));
  write_text(map["consumer"], attempt.consumer);
  write_time(map["started_ms"], attempt.started, job.ahead);
  write_time(map["ended_ms"], attempt.ended, job.ahead);
  const bool is_measured = !is_loss(attempt.end) && attempt.end != AttemptEnd::left;
  is_measured ? write_count(map["run_us"], attempt.ran) : map["run_us"].nil();
  if (attempt.type.empty()) return;
  map["type"].text(attempt.type);
  map["message"].text(shown(job.is_private(), attempt.message));
}

void write_running(ValueWriter to, const JobFacts& job) {
  MapWriter map(to);
  map["attempt"].number(job.uses.attempt);
  map["ended"].nil();
  write_text(map["consumer"], job.consumer);
  write_time(map["started_ms"], job.last.started, job.ahead);
  map["ended_ms"].nil();
  map["run_us"].nil();
}

// The last ones, oldest first; one that has not ended comes last.
void write_attempts(ValueWriter to, const JobFacts& job) {
  const bool has_last = job.last.consumer != nullptr && (is_final(job.state) || job.state == JobState::running);
  const std::size_t earlier = job.earlier ? job.earlier->size() : 0;
  const std::size_t skipped = earlier + std::size_t{has_last} > kMaxAttempts ? 1 : 0;
  to.array(earlier - skipped + std::size_t{has_last});
  for (std::size_t i = skipped; i < earlier; ++i) write_attempt(to, (*job.earlier)[i], job);
  if (!has_last) return;
  if (!is_final(job.state)) return write_running(to, job);
  write_attempt(to, attempt_record(job.uses.attempt, end_of(*job.outcome), job.last, *job.finished, job.outcome.get()),
                job);
}

// A private one has its type and kind only.
TaskError error_shown(const TaskError& error, bool is_private) {
  if (!is_private) return error;
  return {error.type, std::string(kPrivate), {}, error.kind};
}

void write_spec(MapWriter& map, const JobFacts& job) {
  const JobSpec& spec = job.spec;
  const JobOptions& options = spec.options;
  map["id"].text(spec.id.to_string());
  map["task"].text(spec.task);
  map["queue"].text(spec.queue);
  map["retries"].number(options.retry.max);
  map["priority"].number(options.priority);
  map["transient"].boolean(options.transient);
  if (options.is_private) map["private"].boolean(true);
  constexpr std::chrono::milliseconds kAsItIs{0};
  write_time(map["submitted_ms"], spec.submitted, job.ahead);
  write_time(map["expires_ms"], spec.expires, spec.is_expiry_by_wall ? kAsItIs : job.ahead);
  write_text(map["unique"], options.unique);
  write_headers(map["headers"], options.headers);
}

// is_whole: with result, arguments and attempts.
void write_job(ValueWriter to, const JobFacts& job, bool is_whole) {
  MapWriter map(to);
  write_spec(map, job);
  if (is_whole) {
    write_arguments(map, job);
    write_attempts(map["attempts"], job);
  }
  map["state"].text(to_string(job.state));
  map["attempt"].number(job.uses.attempt);
  map["failures"].number(job.uses.failures);
  map["crashes"].number(job.uses.crashes);
  map["losses"].number(job.uses.losses);
  write_time(map["started_ms"], job.started, job.ahead);
  write_time(map["finished_ms"], job.finished, job.ahead);
  write_time(map["due_ms"], job.due, job.ahead);
  write_text(map["consumer"], job.consumer);
  write_progress(map["progress"], job);
  const Outcome* outcome = job.outcome.get();
  outcome != nullptr&& is_final(job.state) ? write_count(map["run_us"], outcome->ran) : map["run_us"].nil();
  if (outcome == nullptr) return;
  if (outcome->state == JobState::failed) map["error"].error(error_shown(outcome->error, job.is_private()));
  if (outcome->state != JobState::succeeded || !is_whole) return;
  job.is_private() ? map["result"].text(kPrivate) : map["result"].binary(outcome->result);
}

// Of the first jobs of its first lines, in memory.
void write_oldest(ValueWriter to, const Queue& queue, Moment now) {
  const std::optional<WallTime> oldest = oldest_in(queue);
  oldest ? write_count(to, now.wall - *oldest) : to.nil();
}

void write_queue(ValueWriter to, const Engine& engine, const Queue& queue, Moment now) {
  MapWriter map(to);
  map["name"].text(queue.name);
  map["queued"].number(queue.queued);
  map["scheduled"].number(queue.scheduled);
  map["running"].number(queue.running);
  map["failed"].number(queue.failed);
  map["queued_bytes"].number(queue.bytes + queue.transient_bytes);
  write_oldest(map["oldest_ms"], queue, now);
  map["paused"].boolean(queue.settings.is_paused);
  map["reason"].text(queue.settings.reason);
  const QueueSettings::Pauser* by = queue.settings.paused_by.get();
  write_text(map["paused_by"], by == nullptr ? std::string_view() : std::string_view(by->name));
  const auto paused_at = by == nullptr ? std::nullopt : std::optional(by->at);
  write_time(map["paused_ms"], paused_at, engine.jobs().clock_ahead());
  map["in_rate"].real(queue.in.per_second);
  map["out_rate"].real(queue.out.per_second);
  map["consumers"].number(queue.consumers);
  write_texts(map["unserved_tasks"], engine.unserved_tasks(queue, kMaxUnserved));
}

// The jobs that it holds, in the order of their assignment. The broker does not know which of them have started.
void write_runs(ValueWriter to, const Consumer& consumer, std::chrono::milliseconds ahead) {
  to.array(std::min(consumer.running.size(), kMaxRuns));
  std::size_t written = 0;
  for (const Job& job : consumer.running) {
    if (written++ == kMaxRuns) return;
    MapWriter map(to);
    map["id"].text(job.spec->id.to_string());
    map["attempt"].number(job.uses.attempt);
    map["task"].text(job.spec->task);
    map["queue"].text(job.spec->queue);
    write_time(map["assigned_ms"], job.started, ahead);
  }
}

void write_consumer(ValueWriter to, const Session& session, const Consumer& consumer, Moment now,
                    std::chrono::milliseconds ahead) {
  MapWriter map(to);
  map["name"].text(session.name);
  map["instance"].text(session.instance.to_string());
  map["queues"].array(consumer.queues.size());
  for (const Queue* queue : consumer.queues) to.text(queue->name);
  write_texts(map["tasks"], consumer.tasks);
  map["slots"].number(consumer.slots);
  map["pool"].text(consumer.pool);
  map["running"].number(consumer.running.size());
  write_runs(map["runs"], consumer, ahead);
  map["credit"].number(consumer.credit);
  map["draining"].boolean(consumer.draining);
  write_milliseconds(map["heard_ms"], now.steady - session.last_heard);
}

void write_totals(ValueWriter to, const Totals& totals, std::uint64_t errors) {
  MapWriter map(to);
  map["accepted"].number(totals.accepted);
  map["refused"].number(totals.refused);
  map["assigned"].number(totals.assigned);
  map["returned"].number(totals.returned);
  map["attached"].number(totals.attached);
  map["put_back"].number(totals.put_back);
  map["retried"].number(totals.retried);
  map["crashed"].number(totals.crashed);
  map["succeeded"].number(totals.succeeded);
  map["failed"].number(totals.failed);
  map["cancelled"].number(totals.cancelled);
  map["expired"].number(totals.expired);
  map["forgotten_failed"].number(totals.forgotten_failed);
  map["stale_outcomes"].number(totals.stale_outcomes);
  map["lost_sessions"].number(totals.lost_sessions);
  map["errors"].number(errors);
}

template <class Write>
std::string answer_of(Write&& write) {
  std::string bytes;
  write(ValueWriter(bytes));
  return bytes;
}

// {name: […], next}: what `write` writes of [from, end), until the page is full; next: by_what(the last one), if others
// follow.
template <class Iterator, class Write, class ByWhat>
std::string page_answer(std::string_view name, Iterator from, Iterator end, std::uint32_t limit, Write&& write,
                        ByWhat&& by_what) {
  std::string entries;
  std::uint32_t count = 0;
  Iterator last = end;
  for (; from != end && count < limit && entries.size() < kPageBytes; ++from, ++count) {
    write(ValueWriter(entries), *from);
    last = from;
  }
  return answer_of([&](ValueWriter to) {
    MapWriter map(to);
    map[name].array(count);
    to.target() += entries;
    from != end&& last != end ? map["next"].text(by_what(*last)) : map["next"].nil();
  });
}

template <class Iterator>
std::string consumer_page(const Engine& engine, Iterator from, Iterator end, std::uint32_t limit, Moment now) {
  return page_answer(
      "consumers", from, end, limit,
      [&](ValueWriter to, const auto& entry) {
        const Session& session = engine.sessions().at(entry.second);
        write_consumer(to, session, *session.consumer, now, engine.jobs().clock_ahead());
      },
      [](const auto& entry) { return entry.first.to_string(); });
}

}  // namespace

std::optional<WallTime> oldest_in(const Queue& queue) {
  std::optional<WallTime> oldest;
  std::size_t looked_at = 0;
  for (const auto& [key, line] : queue.lines) {
    if (looked_at++ == kMaxLines) break;
    if (line->jobs().empty()) continue;
    const WallTime submitted = line->jobs().begin()->spec->submitted;
    oldest = oldest ? std::min(*oldest, submitted) : submitted;
  }
  return oldest;
}

void JobsAnswer::add(const JobId& id, const StoredJob* stored) {
  const std::chrono::milliseconds ahead = engine_.jobs().clock_ahead();
  ValueWriter to(entries_);
  ++count_;
  if (const Job* job = engine_.jobs().find(id)) {
    write_job(to, facts_of(*job, ahead), true);
  } else if (stored != nullptr) {
    write_job(to, facts_of(*stored, ahead), true);
  } else {
    to.nil();
  }
}

std::string JobsAnswer::text() const {
  return answer_of([&](ValueWriter to) {
    to.array(count_);
    to.target() += entries_;
  });
}

std::string list_answer(const Engine& engine, const ListPage& page, std::optional<JobState> state) {
  const std::chrono::milliseconds ahead = engine.jobs().clock_ahead();
  std::vector<JobFacts> jobs;
  for (const StoredJob& stored : page.jobs) {
    const Job* job = engine.jobs().find(stored.spec->id);
    const JobFacts facts = job != nullptr ? facts_of(*job, ahead) : facts_of(stored, ahead);
    if (!state || facts.state == *state) jobs.push_back(facts);
  }
  return answer_of([&](ValueWriter to) {
    MapWriter map(to);
    map["jobs"].array(jobs.size());
    for (const JobFacts& job : jobs) write_job(to, job, false);
    write_text(map["next"], page.next);
  });
}

std::string queue_answer(const Engine& engine, std::string_view name, Moment now) {
  const auto& queues = engine.jobs().queues();
  const auto [from, end] = queues.equal_range(name);
  return page_answer(
      "queues", from, end, 1, [&](ValueWriter to, const auto& entry) { write_queue(to, engine, *entry.second, now); },
      [](const auto& entry) { return entry.first; });
}

std::string queues_answer(const Engine& engine, std::string_view after, std::uint32_t limit, Moment now) {
  const auto& queues = engine.jobs().queues();
  return page_answer(
      "queues", queues.upper_bound(after), queues.end(), limit,
      [&](ValueWriter to, const auto& entry) { write_queue(to, engine, *entry.second, now); },
      [](const auto& entry) { return entry.first; });
}

std::string consumers_answer(const Engine& engine, const std::optional<InstanceId>& after, std::uint32_t limit,
                             Moment now) {
  const auto& consumers = engine.consumers();
  return consumer_page(engine, after ? consumers.upper_bound(*after) : consumers.begin(), consumers.end(), limit, now);
}

std::string named_consumers_answer(const Engine& engine, std::string_view name, const std::optional<InstanceId>& after,
                                   std::uint32_t limit, Moment now) {
  const auto& consumers = engine.consumers();
  const auto instance = Uuid::parse(name);
  std::vector<std::pair<InstanceId, SessionId>> named;
  for (auto from = after ? consumers.upper_bound(*after) : consumers.begin(); from != consumers.end(); ++from) {
    if (from->first == instance || engine.sessions().at(from->second).name == name) named.emplace_back(*from);
  }
  return consumer_page(engine, named.begin(), named.end(), limit, now);
}

std::string broker_answer(const Engine& engine, const ServerFacts& server, Moment now) {
  return answer_of([&](ValueWriter to) {
    const std::size_t consumers = engine.consumers().size();
    MapWriter map(to);
    map["version"].text(kVersion);
    map["protocol"].text(std::to_string(message::kMajor) + "." + std::to_string(message::kMinor));
    map["instance"].text(server.instance.to_string());
    map["store"].text(server.store);
    map["store_full"].boolean(server.is_store_full || !server.store_trouble.empty());
    map["store_low"].boolean(server.is_store_low);
    server.store_room ? map["store_room"].number(*server.store_room) : map["store_room"].nil();
    write_text(map["store_trouble"], server.store_trouble);
    write_milliseconds(map["uptime_ms"], now.steady - server.started);
    map["clients"].number(engine.sessions().size() - consumers);
    map["consumers"].number(consumers);
    map["held_bytes"].number(server.held_bytes);
    {
      MapWriter states(map["jobs"]);
      for (int i = 0; i < kJobStates; ++i) {
        const auto state = static_cast<JobState>(i);
        states[to_string(state)].number(engine.jobs().count(state));
      }
    }
    write_totals(map["totals"], engine.totals(), server.errors);
  });
}

std::string refused_answer(const Error& why) {
  return answer_of([&](ValueWriter to) {
    MapWriter map(to);
    MapWriter error(map["error"]);
    error["code"].text(to_string(why.code));
    error["message"].text(why.message);
  });
}

std::string count_answer(std::string_view name, std::optional<std::size_t> count) {
  return answer_of([&](ValueWriter to) {
    MapWriter map(to);
    count ? map[name].number(*count) : map[name].nil();
  });
}

std::string retried_answer(const std::vector<RetriedJob>& jobs) {
  return answer_of([&](ValueWriter to) {
    MapWriter map(to);
    map["retried"].number(jobs.size());
    map["jobs"].array(jobs.size());
    for (const RetriedJob& job : jobs) {
      to.array(2);
      to.text(job.old.to_string());
      to.text(job.fresh.to_string());
    }
  });
}

}  // namespace zebu::broker
