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

// Whose turn it is: lines that have work, consumers that want it, and the next pair of both, without a look at all of
// either. Knows a line by its name and its first job's place, and a consumer by what it serves, its free slots and its
// credit; nothing of jobs.
//
// The first job goes first: by priority, then by age, over all lines that a consumer serves. It goes to the consumer
// with the most free slots, among equals to the one whose last job is longest ago; a job that failed before goes
// elsewhere if another consumer has a free slot. A line that no consumer serves waits, and holds nobody up.
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
    bool is_durable = true;              // goes only to consumers that set_known() was called for
    std::optional<SessionId> failed_on;  // where it failed before
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

  // `line` comes back with a Match and is not looked at.
  Route& add_line(LineName name, Line* line);
  void remove(Route& line);
  // Unset: it has no job to give now, or is held.
  void set_head(Route& line, const std::optional<Head>& head);
  // Whether a consumer serves its queue and knows its task.
  [[nodiscard]] static bool is_served(const Route& line);

  // In any order; what comes twice counts once.
  Seat& add_consumer(SessionId id, std::vector<std::string> queues, std::vector<std::string> tasks);
  void remove(Seat& consumer);
  // A restarted broker would wait for it: it gets durable jobs from now on.
  void set_known(Seat& consumer);
  // free: its slots less the jobs that it has, which may be negative. credit: jobs that it still takes.
  void set(Seat& consumer, std::int64_t free, std::uint32_t credit);

  // The next assignment. The caller then says what has changed by set_head() and set(), before it asks again.
  [[nodiscard]] std::optional<Match> next(Want want);

 private:
  struct ActiveOrder;
  struct Sets;

  Group& group(std::vector<std::string> queues, std::vector<std::string> tasks, bool is_known);
  void link(Group& group, Route& line);
  void unlink(Group& group);
  void join(Seat& consumer, Group& group);
  void leave(Seat& consumer);
  void refresh(Group& group);

  using Signature = std::tuple<std::vector<std::string>, std::vector<std::string>, bool>;
  std::map<Signature, std::unique_ptr<Group>> groups_;
  std::unordered_map<std::string, std::vector<Group*>> serving_;  // by queue
  std::map<LineName, std::unique_ptr<Route>> routes_;
  std::unordered_map<SessionId, std::unique_ptr<Seat>> seats_;
  std::unique_ptr<Sets> active_;  // groups with work and a willing consumer, by their first job
  std::uint64_t turn_ = 0;
  Seat* given_ = nullptr;  // by the last next(), until set() has said what it has now
};

}  // namespace zebu::broker
