#include "zebu/program/events.h"

#include <array>

namespace zebu {
namespace {

constexpr auto kRows = [] {
  using enum Event;
  constexpr auto debug = spdlog::level::debug;
  constexpr auto info = spdlog::level::info;
  constexpr auto warn = spdlog::level::warn;
  constexpr auto error = spdlog::level::err;
  constexpr auto critical = spdlog::level::critical;
  return std::to_array<EventRow>({
      {start_failed, "start_failed", error, ""},
      {stopping, "stopping", info, "signal"},
      {stopped, "stopped", info, ""},
      {lines_dropped, "lines_dropped", warn, "count"},
      {lines_left_out, "lines_left_out", warn, "of count"},
      {line, "line", info, ""},

      {broker_started, "broker_started", info, "version store liveness_ms connections"},
      {store_recovered, "store_recovered", info, "queued scheduled running failed consumers took_ms"},
      {store_failed, "store_failed", critical, ""},
      {store_full, "store_full", warn, ""},
      {store_free, "store_free", info, ""},
      {store_low, "store_low", warn, ""},
      {store_not_low, "store_not_low", info, ""},
      {store_waits, "store_waits", error, ""},
      {store_goes_on, "store_goes_on", info, ""},
      {consumers_awaited, "consumers_awaited", info, "consumers jobs"},
      {consumer_joined, "consumer_joined", info, "consumer peer_instance queues slots pool jobs"},
      {consumer_left, "consumer_left", info, "consumer peer_instance jobs"},
      {consumer_lost, "consumer_lost", warn, "consumer peer_instance silent_ms jobs"},
      {consumer_cut_off, "consumer_cut_off", info, "consumer peer_instance jobs"},
      {consumer_replaced, "consumer_replaced", info, "consumer peer_instance jobs"},
      {client_joined, "client_joined", info, "client peer_instance"},
      {client_left, "client_left", info, "client peer_instance"},
      {client_lost, "client_lost", warn, "client peer_instance silent_ms"},
      {client_replaced, "client_replaced", info, "client peer_instance"},
      {peer_refused, "peer_refused", warn, "role peer code"},
      {protocol_error, "protocol_error", warn, "role peer code count"},
      {message_refused, "message_refused", debug, "role peer code"},
      {jobs_suspected, "jobs_suspected", info, "consumer jobs job"},
      {job_failed, "job_failed", info, "job task queue attempt consumer error_type trace_id"},
      {jobs_failed_more, "jobs_failed_more", info, "task error_type count job"},
      {jobs_forgotten, "jobs_forgotten", info, "queue count why"},
      {refusals_began, "refusals_began", warn, "code queue task job"},
      {refusals_ended, "refusals_ended", info, "code queue count lasted_ms"},
      {intake_full, "intake_full", warn, "waiting"},
      {intake_free, "intake_free", info, "lasted_ms"},
      {queue_paused, "queue_paused", info, "queue by reason"},
      {queue_resumed, "queue_resumed", info, "queue by"},
      {queue_purged, "queue_purged", info, "queue by state count"},
      {jobs_retried, "jobs_retried", info, "queue task by count"},
      {consumers_drained, "consumers_drained", info, "consumer by count"},
      {commit_slow, "commit_slow", warn, "took_ms count"},
      {clock_stepped, "clock_stepped", warn, "by_ms ahead_ms"},
      {job_accepted, "job_accepted", debug, "job task queue trace_id"},
      {job_assigned, "job_assigned", debug, "job task queue attempt consumer trace_id"},
      {job_rescheduled, "job_rescheduled", debug, "job task queue attempt delay_ms error_type trace_id"},
      {job_put_back, "job_put_back", debug, "job task queue attempt trace_id"},
      {job_finished, "job_finished", debug, "job task queue attempt consumer outcome error_type trace_id"},

      {broker_connected, "broker_connected", info, "broker"},
      {broker_lost, "broker_lost", warn, "broker"},
      {broker_awaited, "broker_awaited", warn, "broker cause waited_ms"},
      {broker_put_off, "broker_put_off", warn, "broker code"},
      {broker_refused, "broker_refused", error, "broker code"},

      {consumer_started, "consumer_started", info, "version consumer broker slots pool queues"},
      {broker_error, "broker_error", warn, "code"},
      {draining, "draining", info, "jobs"},
      {drain_timed_out, "drain_timed_out", warn, "jobs"},
      {outcomes_lost, "outcomes_lost", error, "jobs"},
      {stopping_at_once, "stopping_at_once", warn, "jobs"},
      {jobs_abandoned, "jobs_abandoned", warn, "jobs"},
      {task_stubborn, "task_stubborn", error, ""},
      {job_unreadable, "job_unreadable", warn, "job attempt"},
      {slot_died, "slot_died", warn, "slot"},
      {slot_killed, "slot_killed", warn, "slot job attempt"},
      {slot_garbled, "slot_garbled", error, "slot"},
      {slot_stuck, "slot_stuck", error, "slot"},
      {slot_restart_delayed, "slot_restart_delayed", info, "delay_ms"},
      {hook_failed, "hook_failed", error, "slot"},
      {hook_slow, "hook_slow", warn, "slot"},
      {leftovers_stay, "leftovers_stay", warn, ""},
      {slot_not_started, "slot_not_started", error, ""},
      {slot_blocked, "slot_blocked", warn, "job attempt"},
      {slot_returned, "slot_returned", info, "job attempt"},
      {job_received, "job_received", debug, "job task queue attempt trace_id"},
      {job_ended, "job_ended", debug, "job attempt outcome error_type"},

      {http_request, "http_request", debug, "method route status bytes duration_ms request_id peer"},
      {accept_failed, "accept_failed", warn, ""},
      {connections_full, "connections_full", warn, "count"},
      {connections_free, "connections_free", info, "count lasted_ms"},
      {handler_failed, "handler_failed", error, ""},
      {grace_over, "grace_over", warn, "count"},
      {reader_dropped, "reader_dropped", warn, ""},
      {tokens_read, "tokens_read", info, "file count"},
      {tokens_unreadable, "tokens_unreadable", error, "file"},
  });
}();

constexpr bool are_in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].event) != i) return false;
  }
  return true;
}
static_assert(are_in_order() && static_cast<std::size_t>(Event::tokens_unreadable) + 1 == kRows.size());

}  // namespace

const EventRow& row_of(Event event) { return kRows[static_cast<std::size_t>(event)]; }

std::span<const EventRow> all_events() { return kRows; }

}  // namespace zebu
