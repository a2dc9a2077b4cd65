#include "broker/server/journal.h"

#include "zebu/program/log.h"
#include "zebu/program/trace_id.h"

namespace zebu::broker {
namespace {

using PeerNews = Effects::PeerNews;
using JobNews = Effects::JobNews;

std::string_view word_of(message::Role role) { return role == message::Role::consumer ? "consumer" : "client"; }

void log_client(const PeerNews& news) {
  const std::string id = news.instance.to_string();
  switch (news.what) {
    case PeerNews::What::joined:
      return log_event(Event::client_joined, {{"client", news.name}, {"peer_instance", id}}, "client {} has joined",
                       news.name);
    case PeerNews::What::left:
      return log_event(Event::client_left, {{"client", news.name}, {"peer_instance", id}}, "client {} has left",
                       news.name);
    case PeerNews::What::replaced:
      return log_event(Event::client_replaced, {{"client", news.name}, {"peer_instance", id}},
                       "client {} is back: its older session has ended", news.name);
    case PeerNews::What::lost:
      return log_event(Event::client_lost, {{"client", news.name}, {"peer_instance", id}, {"silent_ms", news.silent}},
                       "client {} is lost: it was silent for {} ms, or cannot be reached", news.name,
                       news.silent.count());
    case PeerNews::What::cut_off:
    case PeerNews::What::not_back:
      return;
  }
}

void log_suspects(const PeerNews& news) {
  if (!news.suspect) return;
  const std::string_view what =
      news.jobs == 1 ? "the job that ran on the lost consumer may have brought it down: the loss counts against it"
                     : "one of the jobs of the lost consumer may have brought it down: they run apart from each other";
  log_event(Event::jobs_suspected, {{"consumer", news.name}, {"jobs", news.jobs}, {"job", news.suspect->to_string()}},
            "{}", what);
}

void log_consumer(const PeerNews& news) {
  const std::string id = news.instance.to_string();
  const std::string_view name = news.name;
  const LogFields fields = {{"consumer", name}, {"peer_instance", id}, {"jobs", news.jobs}};
  switch (news.what) {
    case PeerNews::What::joined:
      return log_event(Event::consumer_joined,
                       {{"consumer", name},
                        {"peer_instance", id},
                        {"queues", news.queues},
                        {"slots", news.slots},
                        {"pool", news.pool},
                        {"jobs", news.jobs}},
                       "consumer {} has joined with {} slots, for queues {}", name, news.slots, news.queues);
    case PeerNews::What::left:
      return log_event(Event::consumer_left, fields, "consumer {} has left; {} jobs go back", name, news.jobs);
    case PeerNews::What::cut_off:
      return log_event(Event::consumer_cut_off, fields,
                       "the connection of consumer {} is broken: it keeps its {} jobs until it has been silent for the "
                       "liveness time",
                       name, news.jobs);
    case PeerNews::What::replaced:
      return log_event(Event::consumer_replaced, fields,
                       "consumer {} is back: its older session has ended; {} jobs of that did not come back with it",
                       name, news.jobs);
    case PeerNews::What::lost:
      log_event(Event::consumer_lost,
                {{"consumer", name}, {"peer_instance", id}, {"silent_ms", news.silent}, {"jobs", news.jobs}},
                "consumer {} is lost: it was silent for {} ms; {} jobs go back", name, news.silent.count(), news.jobs);
      return log_suspects(news);
    case PeerNews::What::not_back:
      log_event(Event::consumer_lost, {{"peer_instance", id}, {"jobs", news.jobs}},
                "consumer {} of before the restart is lost: it has not come back; {} jobs go back", id, news.jobs);
      return log_suspects(news);
  }
}

// A text may have megabytes, of which the log shows little.
std::string_view beginning(std::string_view text) { return text.substr(0, kMostMessage); }

std::string_view trace_of(const JobSpec& job) { return trace_id_in(job.options.headers); }

void log_move(const JobNews& news) {
  const std::string id = news.job->id.to_string();
  const std::string_view task = news.job->task;
  const std::string_view queue = news.job->queue;
  const std::string_view trace = trace_of(*news.job);
  const std::string_view consumer = news.consumer ? std::string_view(*news.consumer) : std::string_view();
  const LogFields fields = {
      {"job", id}, {"task", task}, {"queue", queue}, {"attempt", news.attempt}, {"trace_id", trace}};
  switch (news.what) {
    case JobNews::What::accepted:
      return log_event(Event::job_accepted, {{"job", id}, {"task", task}, {"queue", queue}, {"trace_id", trace}},
                       "job {} is accepted", id);
    case JobNews::What::assigned:
      return log_event(Event::job_assigned,
                       {{"job", id},
                        {"task", task},
                        {"queue", queue},
                        {"attempt", news.attempt},
                        {"consumer", consumer},
                        {"trace_id", trace}},
                       "job {} goes to consumer {}", id, consumer);
    case JobNews::What::put_back:
      return log_event(Event::job_put_back, fields, "job {} goes back to its queue", id);
    case JobNews::What::rescheduled:
      return log_event(Event::job_rescheduled,
                       {{"job", id},
                        {"task", task},
                        {"queue", queue},
                        {"attempt", news.attempt},
                        {"delay_ms", news.delay},
                        {"error_type", news.outcome ? std::string_view(news.outcome->error.type) : std::string_view()},
                        {"trace_id", trace}},
                       "job {} is tried again in {} ms", id, news.delay.count());
    case JobNews::What::finished:
      return log_event(Event::job_finished,
                       {{"job", id},
                        {"task", task},
                        {"queue", queue},
                        {"attempt", news.attempt},
                        {"consumer", consumer},
                        {"outcome", to_string(news.outcome->state)},
                        {"error_type", news.outcome->error.type},
                        {"trace_id", trace}},
                       "job {} has ended: {}", id, to_string(news.outcome->state));
  }
}

void log_failure(const JobNews& news) {
  const std::string id = news.job->id.to_string();
  const TaskError& error = news.outcome->error;
  log_event(Event::job_failed,
            {{"job", id},
             {"task", news.job->task},
             {"queue", news.job->queue},
             {"attempt", news.attempt},
             {"consumer", news.consumer ? std::string_view(*news.consumer) : std::string_view()},
             {"error_type", error.type},
             {"trace_id", trace_of(*news.job)}},
            "job {} has failed: {}: {}", id, beginning(error.type),
            news.job->options.is_private ? "(private)" : beginning(error.message));
}

}  // namespace

void Journal::note(const Effects& effects, TimePoint now) {
  for (const PeerNews& news : effects.peer_news) note(news);
  for (const JobNews& news : effects.job_news) note(news, now);
  for (const auto& refused : effects.refused) note(refused.what, now);
}

void Journal::note(const PeerNews& news) const {
  news.role == message::Role::client ? log_client(news) : log_consumer(news);
}

void Journal::note(const JobNews& news, TimePoint now) {
  if (is_logged(Event::job_finished)) log_move(news);
  const bool is_failure = news.what == JobNews::What::finished && news.outcome->state == JobState::failed;
  if (!is_failure) return;
  const bool is_first = failures_.add({news.job->task, news.outcome->error.type}, news.job->id.to_string(), now);
  if (is_first) log_failure(news);
}

void Journal::note(const Effects::Refusal& refusal, TimePoint now) {
  const std::string_view code = to_string(refusal.why.code);
  if (!refusals_.add({std::string(code), refusal.queue}, {}, now)) return;
  log_event(Event::refusals_began,
            {{"code", code}, {"queue", refusal.queue}, {"task", refusal.task}, {"job", refusal.id.to_string()}},
            "jobs are refused: {}", refusal.why.message);
}

void Journal::refused_message(message::Role role, std::string_view peer, std::string_view name, const Error& why,
                              TimePoint now) {
  const std::string_view code = to_string(why.code);
  log_event(Event::message_refused, {{"role", word_of(role)}, {"peer", name}, {"code", code}},
            "refused a message of a {}: {}", word_of(role), why.message);
  if (!errors_.add({std::string(peer), std::string(code)}, name, now)) return;
  log_event(Event::protocol_error, {{"role", word_of(role)}, {"peer", name}, {"code", code}, {"count", 1}},
            "refused a message of a {}: {}", word_of(role), why.message);
}

void Journal::refused_peer(message::Role role, std::string_view name, const Error& why, TimePoint now) {
  const std::string_view code = to_string(why.code);
  if (!refused_peers_.add({std::string(word_of(role)), std::string(code)}, name, now)) return;
  log_event(Event::peer_refused, {{"role", word_of(role)}, {"peer", name}, {"code", code}, {"count", 1}},
            "refused {} {}: {}", word_of(role), name, why.message);
}

void Journal::committed(TimePoint::duration took, TimePoint now) {
  if (took < kSlowCommit) return;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took);
  if (!slow_commits_.add({}, std::to_string(ms.count()), now)) return;
  log_event(Event::commit_slow, {{"took_ms", ms}, {"count", 1}}, "a commit took {} ms: durable jobs wait for the disk",
            ms.count());
}

void Journal::clock_is_ahead(std::chrono::milliseconds ahead) {
  if (!ahead_) ahead_ = ahead;
  const auto by = ahead - *ahead_;
  if (std::chrono::abs(by) < kStep) return;
  ahead_ = ahead;
  log_event(Event::clock_stepped, {{"by_ms", by}, {"ahead_ms", ahead}},
            "the wall clock was set by {} ms: limits, delays and retries do not follow it", by.count());
}

void Journal::intake_waits(std::size_t waiting, TimePoint now) {
  if (waiting == 0) return;
  intake_waited_ = now;
  if (intake_full_since_) return;
  intake_full_since_ = now;
  log_event(Event::intake_full, {{"waiting", waiting}},
            "there is no room for more large messages that have come half: {} wait (--intake)", waiting);
}

void Journal::tick(TimePoint now) {
  for (const auto& [kind, count, lasted, last] : refusals_.tick(now)) {
    log_event(Event::refusals_ended,
              {{"code", kind.first}, {"queue", kind.second}, {"count", count}, {"lasted_ms", lasted}},
              "no jobs are refused any more ({}): {} were, within {} ms", kind.first, count, lasted.count());
  }
  for (const auto& [kind, count, lasted, last] : failures_.tick(now)) {
    if (count == 1) continue;
    log_event(Event::jobs_failed_more,
              {{"task", kind.first}, {"error_type", kind.second}, {"count", count - 1}, {"job", last}},
              "{} more jobs of {} have failed with {}, the last one was {}", count - 1, kind.first, kind.second, last);
  }
  for (const auto& [kind, count, lasted, last] : errors_.tick(now)) {
    if (count == 1) continue;
    log_event(Event::protocol_error, {{"peer", last}, {"code", kind.second}, {"count", count - 1}},
              "refused {} more messages of the same peer: {}", count - 1, kind.second);
  }
  for (const auto& [kind, count, lasted, last] : refused_peers_.tick(now)) {
    if (count == 1) continue;
    log_event(Event::peer_refused, {{"role", kind.first}, {"code", kind.second}, {"count", count - 1}},
              "refused {} more ({})", count - 1, kind.second);
  }
  for (const auto& [kind, count, lasted, last] : slow_commits_.tick(now)) {
    if (count == 1) continue;
    log_event(Event::commit_slow, {{"took_ms", std::stoll(last)}, {"count", count - 1}},
              "{} more commits were slow, the last one took {} ms", count - 1, last);
  }
  if (intake_full_since_ && now - intake_waited_ >= kQuiet) {
    const auto lasted = intake_waited_ - *std::exchange(intake_full_since_, std::nullopt);
    log_event(Event::intake_free, {{"lasted_ms", lasted}}, "there is room for large messages again");
  }
}

}  // namespace zebu::broker
