#pragma once

#include "broker/engine/engine.h"

#include <optional>
#include <string>
#include <string_view>

namespace zebu::broker {

struct ServerFacts {
  InstanceId instance;
  std::string store;
  TimePoint started{};
  std::uint64_t errors = 0;      // messages that were answered with ERROR
  std::uint64_t held_bytes = 0;  // HeldValues::bytes()
  // StoreState, and Store::trouble().
  std::optional<std::uint64_t> store_room = {};
  bool is_store_full = false;
  bool is_store_low = false;
  std::string store_trouble = {};
};

// A failed job, and the new one that runs in its place.
struct RetriedJob {
  JobId old;
  JobId fresh;
};

// Lines of a queue that are looked at for its oldest job.
inline constexpr std::size_t kMaxLines = 1000;
// When the oldest of the queue's jobs that are first in their lines was submitted.
[[nodiscard]] std::optional<WallTime> oldest_in(const Queue& queue);

// Arguments of more bytes are not shown; together with the keyword arguments.
inline constexpr std::size_t kMaxShownArguments = 64U << 10;

// The answers to QUERY and COMMAND, one msgpack value each, as docs/protocol.md describes them.

// Of the query `jobs`: what is known of each job, in the order in which they are added.
class JobsAnswer {
 public:
  // The engine outlives it.
  explicit JobsAnswer(const Engine& engine) : engine_(engine) {}

  // stored: as the store has it, if it does. A job in memory is reported from memory.
  void add(const JobId& id, const StoredJob* stored);
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t bytes() const { return entries_.size(); }
  [[nodiscard]] std::string text() const;

 private:
  const Engine& engine_;
  std::size_t count_ = 0;
  std::string entries_;
};

[[nodiscard]] std::string list_answer(const Engine& engine, const ListPage& page, std::optional<JobState> state);
// A page of the queues by name, or of the consumers by instance, that come after `after`: at most `limit`, fewer if
// they have many bytes. Its cost does not grow with what is on other pages.
[[nodiscard]] std::string queues_answer(const Engine& engine, std::string_view after, std::uint32_t limit, Moment now);
[[nodiscard]] std::string consumers_answer(const Engine& engine, const std::optional<InstanceId>& after,
                                           std::uint32_t limit, Moment now);
// The same of the queue of this name, and of the consumers of this name or instance; a page without entries if there is
// none. The latter looks at every consumer.
[[nodiscard]] std::string queue_answer(const Engine& engine, std::string_view name, Moment now);
[[nodiscard]] std::string named_consumers_answer(const Engine& engine, std::string_view name,
                                                 const std::optional<InstanceId>& after, std::uint32_t limit,
                                                 Moment now);
[[nodiscard]] std::string broker_answer(const Engine& engine, const ServerFacts& server, Moment now);

[[nodiscard]] std::string refused_answer(const Error& why);
// {name: count}, or nil for a count that is not known.
[[nodiscard]] std::string count_answer(std::string_view name, std::optional<std::size_t> count);
[[nodiscard]] std::string retried_answer(const std::vector<RetriedJob>& jobs);

}  // namespace zebu::broker
