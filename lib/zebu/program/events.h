#pragma once

#include <spdlog/common.h>

#include <cstddef>
#include <span>
#include <string_view>

namespace zebu {

// What the programs log. If you add one: its row in events.cpp, its row in docs/operations.md, and a test that provokes
// it; tests compare the three.
enum class Event {
  // of every program
  start_failed,
  stopping,
  stopped,
  lines_dropped,
  lines_left_out,
  line,
  // of the broker
  broker_started,
  store_recovered,
  store_failed,
  store_full,
  store_free,
  store_low,
  store_not_low,
  store_waits,
  store_goes_on,
  consumers_awaited,
  consumer_joined,
  consumer_left,
  consumer_lost,
  consumer_cut_off,
  consumer_replaced,
  client_joined,
  client_left,
  client_lost,
  client_replaced,
  peer_refused,
  protocol_error,
  message_refused,
  jobs_suspected,
  job_failed,
  jobs_failed_more,
  jobs_forgotten,
  refusals_began,
  refusals_ended,
  intake_full,
  intake_free,
  queue_paused,
  queue_resumed,
  queue_purged,
  jobs_retried,
  consumers_drained,
  commit_slow,
  clock_stepped,
  job_accepted,
  job_assigned,
  job_rescheduled,
  job_put_back,
  job_finished,
  // of the consumer and the front end
  broker_connected,
  broker_lost,
  broker_awaited,
  broker_put_off,
  broker_refused,
  // of the consumer
  consumer_started,
  broker_error,
  draining,
  drain_timed_out,
  outcomes_lost,
  stopping_at_once,
  jobs_abandoned,
  task_stubborn,
  job_unreadable,
  slot_died,
  slot_killed,
  slot_garbled,
  slot_stuck,
  slot_restart_delayed,
  hook_failed,
  hook_slow,
  leftovers_stay,
  slot_not_started,
  slot_blocked,
  slot_returned,
  job_received,
  job_ended,
  // of the front end
  http_request,
  accept_failed,
  connections_full,
  connections_free,
  handler_failed,
  grace_over,
  reader_dropped,
  tokens_read,
  tokens_unreadable,
};

// name: spelled as the enumerator. level: the same for all its lines. fields: the names of those that a line may have,
// separated by blanks; a field that does not apply is left out.
struct EventRow {
  Event event;
  std::string_view name;
  spdlog::level::level_enum level;
  std::string_view fields;
};

[[nodiscard]] const EventRow& row_of(Event event);
// All of them, in the order of the enumerators.
[[nodiscard]] std::span<const EventRow> all_events();

}  // namespace zebu
