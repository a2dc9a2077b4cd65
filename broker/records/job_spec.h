#pragma once

#include "zebu/job.h"

#include <memory>
#include <optional>
#include <string>

namespace zebu::broker {

// A job as it was submitted, with points in time; it never changes.
//
// Those are in the broker's own time, as all others in records: it goes like the steady clock, so whoever sets the wall
// clock moves nothing. Only what a submitter named by the wall clock (run_at, expires_at) is in its time.
struct JobSpec {
  JobId id;
  std::uint64_t sequence = 0;  // the order of acceptance, from 1
  std::string task;
  std::string queue;
  std::string args;
  Rare<std::string> kwargs;  // one msgpack map
  JobOptions options;
  WallTime submitted{};
  std::optional<WallTime> due;      // when it may start first; unset: at once
  std::optional<WallTime> expires;  // when it must have started
  // Its place in lists, by the wall clock when it was accepted, if its id names another time (list_place.h).
  std::optional<WallTime> listed_at;
  bool is_due_by_wall = false;
  bool is_expiry_by_wall = false;

  // The job's share of its queue's limit in bytes.
  [[nodiscard]] std::size_t size() const {
    std::size_t size = sizeof(JobSpec) + task.size() + queue.size() + args.size() + options.unique.size();
    if (kwargs) size += kwargs->size();
    for (const Header& header : options.headers) size += sizeof(header) + header.first.size() + header.second.size();
    return size;
  }
  [[nodiscard]] Bytes keywords() const { return kwargs ? Bytes(*kwargs) : Bytes(); }
  [[nodiscard]] std::size_t argument_bytes() const { return args.size() + keywords().size(); }
};

// All arguments in one text, for who keeps them as one value: args, and behind them kwargs.
[[nodiscard]] std::string joined_arguments(const JobSpec& spec);

// The name under which a job holds its unique key: the key in the job's queue. The same key in another queue is another
// one. Names of queues have no control characters, so the zero byte between the two tells them apart.
[[nodiscard]] std::string unique_name(const JobSpec& spec);

// shared_ptr: the engine, a batch on its way into the store, and a store that keeps jobs in memory hold the same bytes.
using SharedSpec = std::shared_ptr<const JobSpec>;
using SharedOutcome = std::shared_ptr<const Outcome>;

// A value of more bytes than this does not have to fit into one commit: it may come as pieces, in the commits before
// the one with the record that has it.
inline constexpr std::size_t kLargeValue = 256U << 10;

// A finished job's share of --keep-bytes.
[[nodiscard]] std::size_t size_of(const JobSpec& spec, const Outcome& outcome);

// Of an error that another attempt follows, at most kLargeValue bytes are kept: a longer one loses its trace and its
// causes, and keeps the beginning of its message.
void shorten(TaskError& error);

// How often a job was tried, and how that went.
struct Uses {
  std::uint32_t attempt = 0;   // the newest attempt's number; 0 before the first
  std::uint32_t failures = 0;  // attempts that failed: they count against RetryPolicy::max
  std::uint32_t crashes = 0;   // attempts whose process died
  std::uint32_t losses = 0;    // attempts whose consumer was lost

  bool operator==(const Uses&) const = default;
};

// The settings of a queue that people change.
struct QueueSettings {
  std::string name;
  bool is_paused = false;
  std::string reason;  // why it is paused
  // Set while a purge is under way: queued and scheduled jobs up to this sequence are being cancelled.
  std::optional<std::uint64_t> purge_up_to;
  // Who paused it, and when.
  struct Pauser {
    std::string name;  // the client's
    WallTime at{};

    bool operator==(const Pauser&) const = default;
  };
  Rare<Pauser> paused_by = {};

  // The job belongs to the purge that is under way.
  [[nodiscard]] bool purges(const JobSpec& spec) const { return purge_up_to && spec.sequence <= *purge_up_to; }

  bool operator==(const QueueSettings&) const = default;
};

}  // namespace zebu::broker
