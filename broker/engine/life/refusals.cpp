#include "broker/engine/engine.h"
#include "broker/engine/wording.h"

// Why a job is not accepted.
namespace zebu::broker {
namespace {

bool has_line(const Queue& queue, const JobSpec& spec) {
  return queue.lines.find(ByTaskAndKey::View(spec.task, {})) != queue.lines.end();
}

}  // namespace

bool Engine::would_accept(const message::Submission& job) const {
  if (job.options.transient || jobs_.find(job.id) != nullptr) return false;
  JobSpec spec;  // a copy of the arguments would be for nothing
  spec.task = job.task;
  spec.queue = job.queue;
  spec.options = job.options;
  const std::size_t size = spec.size() + job.args.size();
  return !why_refused(spec, size) && !why_store_full(size);
}

void Engine::refused(std::string_view queue, ErrorCode why) {
  ++totals_.refused;
  jobs_.counts().refused(jobs_.find_queue(queue) == nullptr ? metrics::kOther : queue, why);
}

// size: the job's share of its queue's limit in bytes.
std::optional<Error> Engine::why_refused(const JobSpec& spec, std::size_t size) const {
  const auto bad_name = [](std::string_view what, std::string_view name) {
    return Error{ErrorCode::bad_job,
                 std::string(what) + " " + in_quotes(name) +
                     " is not a valid name: 1 to 128 bytes of UTF-8 without spaces or control characters",
                 {}};
  };
  if (!is_valid_name(spec.task)) return bad_name("task", spec.task);
  if (!is_valid_name(spec.queue)) return bad_name("queue", spec.queue);
  if (auto why = why_bad(spec.options)) return Error{ErrorCode::bad_job, std::move(*why), {}};
  const Queue* queue = jobs_.find_queue(spec.queue);
  const bool is_served = queue && queue->consumers > 0;
  if (spec.options.only_served && !is_served) {
    return Error{ErrorCode::no_consumer,
                 "no consumer serves queue " + in_quotes(spec.queue) + ": start one with --queues " + spec.queue,
                 std::chrono::seconds(1)};
  }
  if (is_served && queue->tasks.find(spec.task) == queue->tasks.end()) {
    return Error{ErrorCode::unknown_task,
                 "no consumer of queue " + in_quotes(spec.queue) + " knows task " + in_quotes(spec.task) +
                     "; they know: " + list_of(queue->tasks),
                 {}};
  }
  if (!queue && jobs_.queues().size() >= options_.max_queues) {
    return Error{
        ErrorCode::too_many_queues,
        "the broker has " + std::to_string(options_.max_queues) + " queues: use one of them, or raise --max-queues",
        std::chrono::seconds(1)};
  }
  if (jobs_.lines() >= options_.max_lines && (!queue || !has_line(*queue, spec))) {
    return Error{ErrorCode::too_many_queues,
                 "jobs of " + std::to_string(jobs_.lines()) +
                     " different queues and tasks wait: use one of them, or raise --max-lines",
                 std::chrono::seconds(1)};
  }
  return why_full(queue, spec, size);
}

std::optional<Error> Engine::why_full(const Queue* queue, const JobSpec& spec, std::size_t size) const {
  const bool transient = spec.options.transient;
  const auto full = [&](std::uint64_t has, const char* unit, const char* option) {
    return Error{ErrorCode::queue_full,
                 "queue " + in_quotes(spec.queue) + " is full (" + std::to_string(has) +
                     (transient ? " transient" : "") + unit + "): retry after 1 s, or raise " + option,
                 std::chrono::seconds(1)};
  };
  const std::uint64_t waiting = queue ? queue->queued + queue->scheduled : 0;
  const std::uint64_t jobs = !queue ? 0 : transient ? queue->transient : waiting - queue->transient;
  const std::uint64_t bytes = !queue ? 0 : transient ? queue->transient_bytes : queue->bytes;
  if (jobs >= (transient ? options_.transient_limit : options_.queue_limit)) {
    return full(jobs, " jobs", transient ? "--transient-limit" : "--queue-limit");
  }
  if (bytes + size > (transient ? options_.transient_bytes : options_.queue_bytes)) {
    return full(bytes, " bytes", transient ? "--transient-bytes" : "--queue-bytes");
  }
  return std::nullopt;
}

std::optional<Error> Engine::why_store_full(std::size_t bytes) const {
  if (room_.has_room_for(bytes)) return std::nullopt;
  return Error{ErrorCode::store_full,
               "the broker's store has no room for new durable jobs: retry after 5 s, or free space on its volume",
               std::chrono::seconds(5)};
}

std::optional<Error> Engine::take_room(std::size_t bytes) {
  auto why = why_store_full(bytes);
  if (!why) room_.take(bytes);
  return why;
}

}  // namespace zebu::broker
