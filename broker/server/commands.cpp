#include "broker/server/commands.h"

#include "broker/engine/wording.h"
#include "zebu/program/log.h"

#include <array>

namespace zebu::broker {
namespace {

// One command while it is carried out.
struct CommandCall {
  Engine& engine;
  PendingAnswers& pending;
  Retries& retries;
  PendingAnswers::Asker from;
  const message::Params& params;
  Moment now;
  Effects& out;

  void refuse(ErrorCode code, std::string why) const { pending.refuse(from, {code, std::move(why), {}}); }
  [[nodiscard]] std::string_view by() const { return engine.name_of(from.session); }
  // With the commit that holds what was just decided.
  void answer_when_durable(std::string value) const { pending.answer(from, std::move(value), engine.open_batch()); }
};

ListFilter failed_jobs(const message::Params& params, bool with_large) {
  return {JobState::failed, std::string(params.queue), std::string(params.task), {}, kMaxPage, with_large};
}

void pause(const CommandCall& call) {
  const std::string by(call.by());
  call.engine.pause(call.params.queue, call.params.reason, by, call.now, call.out);
  log_event(Event::queue_paused, {{"queue", call.params.queue}, {"by", by}, {"reason", call.params.reason}},
            "queue {} is paused", call.params.queue);
  call.answer_when_durable(count_answer("paused", 1));
}

void resume(const CommandCall& call) {
  if (call.engine.resume(call.params.queue, call.out)) {
    log_event(Event::queue_resumed, {{"queue", call.params.queue}, {"by", call.by()}}, "queue {} is resumed",
              call.params.queue);
    return call.answer_when_durable(count_answer("resumed", 1));
  }
  call.pending.answer(call.from, count_answer("resumed", 0));
}

void purge_failed(const CommandCall& call) {
  const auto each = [&engine = call.engine](const StoredJob& failed, Moment, Effects& out) {
    return engine.forget_failed(failed, out);
  };
  const auto end = [&pending = call.pending, from = call.from, by = std::string(call.by()),
                    queue = std::string(call.params.queue)](std::size_t count) {
    log_event(Event::queue_purged, {{"queue", queue}, {"by", by}, {"state", "failed"}, {"count", count}},
              "{} failed jobs of queue {} are forgotten", count, queue);
    pending.answer_as_is(from, count_answer("purged", count));
  };
  call.pending.walk(call.from, failed_jobs(call.params, false), "purged", each, end, call.out);
}

void purge(const CommandCall& call) {
  const auto& params = call.params;
  if (params.state == JobState::failed) return purge_failed(call);
  if (params.state && *params.state != JobState::queued) {
    return call.refuse(ErrorCode::bad_request,
                       "purge takes the state queued or failed, not " + std::string(to_string(*params.state)));
  }
  if (call.engine.jobs().queues().find(params.queue) == call.engine.jobs().queues().end()) {
    return call.refuse(ErrorCode::unknown_queue, "there is no queue " + in_quotes(params.queue));
  }
  const auto purged = call.engine.purge(params.queue, call.now, call.out);
  log_event(Event::queue_purged, {{"queue", params.queue}, {"by", call.by()}, {"state", "queued"}, {"count", purged}},
            "queue {} is purged", params.queue);
  call.answer_when_durable(count_answer("purged", purged));
}

void retry(const CommandCall& call) {
  if (call.params.ids.empty()) return call.retries.retry_all(call.from, failed_jobs(call.params, true), call.out);
  if (!call.params.queue.empty() || !call.params.task.empty()) {
    return call.refuse(ErrorCode::bad_request, "retry takes ids, or a queue and a task, but not both");
  }
  call.retries.retry(call.from, call.params.ids, call.out);
}

void drain(const CommandCall& call) {
  const std::size_t drained = call.engine.drain_consumers(call.params.consumer, call.out);
  if (drained == 0) {
    return call.refuse(ErrorCode::unknown_consumer,
                       "no consumer with the name or instance " + in_quotes(call.params.consumer) + " is connected");
  }
  log_event(Event::consumers_drained, {{"consumer", call.params.consumer}, {"by", call.by()}, {"count", drained}},
            "{} consumers of the name {} are to drain", drained, call.params.consumer);
  call.pending.answer(call.from, count_answer("drained", drained));
}

// If you add one: docs/protocol.md, its table of commands.
constexpr auto kCommands = [] {
  using enum Param;
  return std::to_array<RequestRow<CommandCall>>({
      // name, params that it takes, those that it needs, right; function
      {{"pause", {queue, reason}, {queue}, Right::operate}, pause},
      {{"resume", {queue}, {queue}, Right::operate}, resume},
      {{"purge", {queue, state}, {queue}, Right::operate}, purge},
      {{"retry", {ids, queue, task}, {}, Right::operate}, retry},
      {{"drain", {consumer}, {consumer}, Right::operate}, drain},
  });
}();

}  // namespace

void Commands::answer(SessionId session, const message::Command& command, Moment now, Effects& out) {
  const CommandCall call{engine_, pending_, retries_, {session, command.number}, command.params, now, out};
  if (command.bad) return call.refuse(ErrorCode::bad_request, *command.bad);
  if (auto why = answer_by<CommandCall>(kCommands, "command", command.what, call))
    call.refuse(ErrorCode::bad_request, *why);
}

void Commands::committed(const Effects& effects) {
  for (const JobId& fresh : effects.not_retried) retries_.not_retried(fresh);
}

std::vector<Request> Commands::table() { return requests_of<CommandCall>(kCommands); }

}  // namespace zebu::broker
