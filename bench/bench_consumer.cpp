// A consumer whose tasks measure when, and in which order, they are called. Give it --pool threads: it prints the
// figures when it has ended.
#include "bench/figures.h"
#include "zebu/consumer.h"
#include "zebu/thread_annotations.h"

#include <map>
#include <string>

namespace {

using namespace zebu;
using bench::print_figure;

// That numbered jobs of several priorities come by priority, and those of one in the order of their numbers. With one
// slot only.
class Order {
 public:
  void add(std::uint32_t priority, std::uint64_t number) {
    const Lock lock(mutex_);
    last_ = bench::Clock::now();
    if (count_++ == 0) first_ = last_;
    auto& next = next_of_[priority];
    if (number != next || priority > lowest_) ++wrong_;
    next = number + 1;
    lowest_ = std::min(lowest_, priority);
  }
  void print() const {
    const Lock lock(mutex_);
    if (count_ == 0) return;
    print_figure("drained", static_cast<double>(count_));
    print_figure("out_of_order", static_cast<double>(wrong_));
    print_figure("drained_per_second",
                 static_cast<double>(count_) / std::chrono::duration<double>(last_ - first_).count());
  }

 private:
  mutable Mutex mutex_;
  std::map<std::uint32_t, std::uint64_t> next_of_ ZEBU_GUARDED_BY(mutex_);  // by priority
  std::uint32_t lowest_ ZEBU_GUARDED_BY(mutex_) = kMaxPriority;
  std::uint64_t count_ ZEBU_GUARDED_BY(mutex_) = 0;
  std::uint64_t wrong_ ZEBU_GUARDED_BY(mutex_) = 0;
  bench::Clock::time_point first_ ZEBU_GUARDED_BY(mutex_);
  bench::Clock::time_point last_ ZEBU_GUARDED_BY(mutex_);
};

// How long after their time jobs start.
class Lateness {
 public:
  void add(std::int64_t due_ms) {
    const auto late = std::chrono::system_clock::now().time_since_epoch() - std::chrono::milliseconds(due_ms);
    const Lock lock(mutex_);
    if (late.count() < 0) ++early_;
    late_.add(std::chrono::duration_cast<bench::Clock::duration>(late));
    ++count_;
  }
  void print() {
    const Lock lock(mutex_);
    if (count_ == 0) return;
    late_.print("late");
    print_figure("early", static_cast<double>(early_));
  }

 private:
  Mutex mutex_;
  bench::Latencies late_ ZEBU_GUARDED_BY(mutex_);
  std::uint64_t count_ ZEBU_GUARDED_BY(mutex_) = 0;
  std::uint64_t early_ ZEBU_GUARDED_BY(mutex_) = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Order order;
  Lateness lateness;
  Registry tasks;
  tasks.add("next", [&](std::uint32_t priority, std::uint64_t number, const std::string& /*payload*/) {
    order.add(priority, number);
  });
  tasks.add("late", [&](std::int64_t due_ms) { lateness.add(due_ms); });
  const int exit_code = run_consumer(argc, argv, tasks);
  order.print();
  lateness.print();
  return exit_code;
}
