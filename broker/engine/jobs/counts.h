#pragma once

#include "broker/records/records.h"
#include "zebu/error.h"
#include "zebu/metrics/counter.h"
#include "zebu/metrics/family.h"

#include <array>
#include <map>
#include <string>

namespace zebu::broker {

// Jobs of a queue and task by how they ended.
struct Finishes {
  static constexpr std::array kStates = {JobState::succeeded, JobState::failed, JobState::cancelled, JobState::expired};
  std::array<std::uint64_t, kStates.size()> jobs{};
};

// Where what befalls a queue's jobs is counted. It goes with the queue; the counts stay. All null: nothing is counted.
struct QueueCounts {
  struct Task {
    Finishes* finished;
    std::uint64_t* crashed;
    metrics::Histogram* run;
  };

  metrics::Counter* accepted = nullptr;
  std::uint64_t* lost = nullptr;
  metrics::Histogram* wait = nullptr;
  std::map<std::string, Task, std::less<>> tasks = {};
  const std::pair<const std::string, Task>* last = nullptr;  // that was used: mostly the next one too
  bool has_series = false;  // the queue has gauges of its own; else it is shown with the others
};

// What has befallen jobs since the start, by queue and task, for --metrics. It outlives the queues, and has at most
// about `series` series a metric: further queues and tasks are counted together, as metrics::kOther. Counting is an
// increment where a queue or a task is met again.
class Counts {
 public:
  // series: 0: nothing is counted.
  explicit Counts(std::uint64_t series);

  [[nodiscard]] bool is_on() const { return series_ > 0; }

  // A queue begins, and goes.
  void opened(std::string_view queue, QueueCounts& counts);
  void closed(const QueueCounts& counts);

  static void accepted(QueueCounts& queue) {
    if (queue.accepted != nullptr) queue.accepted->add();
  }
  // It turned out to be a job that was accepted before.
  static void not_accepted(QueueCounts& queue) {
    if (queue.accepted != nullptr) queue.accepted->take_back();
  }
  // queue: of a queue that is not there: metrics::kOther, lest names that anybody makes up use up the series.
  void refused(std::string_view queue, ErrorCode why);
  static void started(QueueCounts& queue, std::chrono::milliseconds waited) {
    if (queue.wait != nullptr) queue.wait->observe(waited);
  }
  static void lost(QueueCounts& queue) {
    if (queue.lost != nullptr) ++*queue.lost;
  }
  void ran(std::string_view queue, QueueCounts& counts, std::string_view task, std::chrono::microseconds took) {
    if (is_on()) this->task(queue, counts, task).run->observe(took);
  }
  void crashed(std::string_view queue, QueueCounts& counts, std::string_view task) {
    if (is_on()) ++*this->task(queue, counts, task).crashed;
  }
  void finished(std::string_view queue, QueueCounts& counts, std::string_view task, JobState how);

  template <class Value, std::size_t kLabels>
  using Family = metrics::Family<Value, kLabels>;
  struct Families {
    Family<metrics::Counter, 1> accepted;
    Family<std::uint64_t, 2> refused;
    Family<Finishes, 2> finished;
    Family<std::uint64_t, 1> lost;
    Family<std::uint64_t, 1> crashed;
    Family<metrics::Histogram, 1> wait;
    Family<metrics::Histogram, 1> run;
  };
  [[nodiscard]] const Families& families() const { return families_; }

  // Series that a queue has of its gauge by state.
  static constexpr std::size_t kGauges = 4;

 private:
  // Of the tasks that a queue has met, so many are found at once. Others cost a search in the families.
  static constexpr std::size_t kMostAtOnce = 256;

  [[nodiscard]] const QueueCounts::Task& task(std::string_view queue, QueueCounts& counts, std::string_view task) {
    if (counts.last != nullptr && counts.last->first == task) return counts.last->second;
    return find_task(queue, counts, task);
  }
  [[nodiscard]] const QueueCounts::Task& find_task(std::string_view queue, QueueCounts& counts, std::string_view task);

  std::uint64_t series_;
  std::size_t with_series_ = 0;  // queues
  Families families_;
};

}  // namespace zebu::broker
