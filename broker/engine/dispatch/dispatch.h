#pragma once

#include "broker/engine/jobs/session_id.h"
#include "broker/records/records.h"

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace zebu::broker {

class Line;

// Finds the next assignment: a pair of a line that has work and a consumer that wants it, without a scan over all of
// either. Knows of a line its name and its first job's place, and of a consumer its queues, tasks, free slots and
// credit. Knows no jobs.
//
// The order is by priority, then by age, over all lines that a consumer serves. A job goes to the consumer with the
// most free slots, among equals to the one whose last job is longest ago. A job that has failed goes to another
// consumer than before if one has a free slot. A line that no consumer serves waits, without delaying other lines.
//
// Consumers with the same queues and the same tasks form a group. A call costs O(g log n): g is the number of groups
// that serve the line, mostly 1.
struct Group;
struct Route;
struct Seat;

class Dispatch {
 public:
  // A line's first job.
  struct Head {
    LineKey key;
    bool is_durable = true;              // only for consumers that set_known() was called for
    std::optional<SessionId> failed_on;  // where it failed last
    bool is_suspect = false;             // only for consumers that have no other suspect
  };
  // slots: to consumers with a free slot; ahead: to those that take jobs in advance.
  enum class Want { slots, ahead };
  struct Match {
    SessionId consumer;
    Line* line;
  };

  Dispatch();
  ~Dispatch();
  Dispatch(const Dispatch&) = delete;
  Dispatch& operator=(const Dispatch&) = delete;

  // `line` is only returned in a Match, never dereferenced.
  Route& add_line(LineName name, Line* line);
  void remove(Route& line);
  // nullopt: the line has no job to assign now, or is held.
  void set_head(Route& line, const std::optional<Head>& head);
  // Whether some consumer serves its queue and knows its task.
  [[nodiscard]] static bool is_served(const Route& line);

  // The lists may be in any order and have duplicates.
  Seat& add_consumer(SessionId id, std::vector<std::string> queues, std::vector<std::string> tasks);
  void remove(Seat& consumer);
  // The consumer is recorded, so a restarted broker would wait for it: from now on it gets durable jobs.
  void set_known(Seat& consumer);
  // Whether the consumer has a job that may have brought another consumer down.
  void set_has_suspect(Seat& consumer, bool has_suspect);
  // Whether others are to be preferred, because it fails its jobs and they do not, or because it takes none any more:
  // it gets none that has failed before and that another one may have.
  void set_poor(Seat& consumer, bool is_poor);
  // free: its slots minus its jobs, may be negative. credit: how many more jobs it takes.
  void set(Seat& consumer, std::int64_t free, std::uint32_t credit);

  // The next assignment. Before the next call, the caller must report its effects by set_head() and set().
  [[nodiscard]] std::optional<Match> next(Want want);

 private:
  struct ActiveOrder;
  struct Sets;

  // What a group's consumers may get.
  struct Kind {
    bool is_known = false;
    bool has_suspect = false;
    bool is_poor = false;

    auto operator<=>(const Kind&) const = default;
  };
  friend struct Group;

  Group& group(std::vector<std::string> queues, std::vector<std::string> tasks, Kind kind);
  void regroup(Seat& consumer, Kind kind);
  void link(Group& group, Route& line);
  void review(Route& line);
  void unlink(Group& group);
  void join(Seat& consumer, Group& group);
  void leave(Seat& consumer);
  void refresh(Group& group);

  using Signature = std::tuple<std::vector<std::string>, std::vector<std::string>, Kind>;
  std::map<Signature, std::unique_ptr<Group>> groups_;
  std::unordered_map<std::string, std::vector<Group*>> serving_;  // by queue
  std::map<LineName, std::unique_ptr<Route>> routes_;
  std::unordered_map<SessionId, std::unique_ptr<Seat>> seats_;
  std::unique_ptr<Sets> active_;  // groups with work and a willing consumer, by their first job
  std::uint64_t turn_ = 0;
  Seat* given_ = nullptr;  // the consumer of the last next(), until set() is called for it
};

}  // namespace zebu::broker
