#pragma once

#include "broker/engine/jobs/job.h"
#include "broker/engine/jobs/window.h"

namespace zebu::broker {

struct Route;  // Dispatch's

// The key of suspects' lines. No owner's name has a control character.
inline constexpr std::string_view kSuspects = "\x01suspects";

// The waiting jobs of one queue, task and key, by priority, then by age: the unit of order, paging, stored rows and
// dispatch. Whatever holds a job back holds its whole line, so no job ever waits behind one that cannot run. A queue's
// order is the merge of the first jobs of its lines.
class Line {
 public:
  using Jobs = JobTree<ByLineKey, hooks::Order>;

  Line(Queue& queue, LineName name) : queue_(queue), name_(std::move(name)) {}
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  [[nodiscard]] const LineName& name() const { return name_; }
  [[nodiscard]] Queue& queue() { return queue_; }
  [[nodiscard]] const Queue& queue() const { return queue_; }
  // Those in memory.
  [[nodiscard]] Jobs& jobs() { return jobs_; }
  [[nodiscard]] const Jobs& jobs() const { return jobs_; }

  // True when it is the first one now.
  bool insert(Job& job) {
    const auto at = jobs_.insert(jobs_.end(), job);  // mostly it is the last one
    job.line = this;
    if (!job.is_transient()) {
      ++window.jobs;
      window.bytes += job.spec->size();
    }
    return at == jobs_.begin();
  }
  // True when it was the first one.
  bool erase(Job& job) {
    const auto at = jobs_.iterator_to(job);
    const bool was_first = at == jobs_.begin();
    jobs_.erase(at);
    job.line = nullptr;
    if (!job.is_transient()) {
      --window.jobs;
      window.bytes -= job.spec->size();
    }
    return was_first;
  }
  // The first job, when nothing in the store comes before it. A transient job does not wait for the store.
  [[nodiscard]] const Job* next() const {
    if (jobs_.empty()) return nullptr;
    const Job& first = *jobs_.begin();
    return first.is_transient() || !window.is_beyond(line_key(*first.spec)) ? &first : nullptr;
  }
  // It has no jobs, in memory or in the store.
  [[nodiscard]] bool is_idle() const { return jobs_.empty() && !window.edge && !window.is_loading; }

  Window<LineKey> window;  // of the durable ones

  // What the parts know of it. Each member belongs to its part alone; a line leaves their lists when it goes.
  using Hook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  Hook touched;            // JobTable: its next job may be another one
  Hook emptied;            // JobTable: it had no jobs in memory at some time
  bool was_used = false;   // JobTable: it got a job since it was last looked at
  Hook noted;              // Backlog: it may want to load
  bool is_held = false;    // Backlog: paused, or no consumer serves it
  Route* route = nullptr;  // Dispatch, through the engine

 private:
  Queue& queue_;
  LineName name_;
  Jobs jobs_;
};

// Lines by one of their hooks; each is in it once.
template <Line::Hook Line::*hook>
class LineList {
 public:
  void add(Line& line) {
    if (!(line.*hook).is_linked()) lines_.push_back(line);
  }
  // The one that was added last, or first; null: none is left.
  Line* take_last() {
    return take([](auto& lines) { return std::prev(lines.end()); });
  }
  Line* take_first() {
    return take([](auto& lines) { return lines.begin(); });
  }
  void swap(LineList& other) noexcept { lines_.swap(other.lines_); }

 private:
  template <class Which>
  Line* take(Which which) {
    if (lines_.empty()) return nullptr;
    Line& line = *which(lines_);
    (line.*hook).unlink();
    return &line;
  }

  boost::intrusive::list<Line, boost::intrusive::member_hook<Line, Line::Hook, hook>,
                         boost::intrusive::constant_time_size<false>>
      lines_;
};

}  // namespace zebu::broker
