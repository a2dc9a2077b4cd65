#pragma once

#include "consumer/pace.h"
#include "consumer/slots/slot.h"
#include "zebu/asio.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace zebu::consumer {

// The jobs of a consumer that have not ended: a queue of ready ones, and the slots that run them. The next job goes to
// a free slot first. If jobs are short, slots get more jobs while they still run one. Jobs that turn out to wait behind
// a long one move to a free slot, or go back to the broker. One thread: the loop's.
class Dispatcher {
 public:
  struct Events {
    std::function<void(std::vector<Finished>)> finished;
    // These jobs have left the consumer without having started.
    std::function<void(std::vector<AttemptId>)> given_back;
    std::function<void(ProgressUpdate)> progress;
    // wanted() may have grown.
    std::function<void()> ready;
    // As SlotEvents::died.
    std::function<void(bool was_killed)> slot_died = nullptr;
  };
  using MakeSlot = std::function<std::unique_ptr<Slot>(const SlotEvents&)>;

  Dispatcher(boost::asio::io_context& loop, std::size_t slots, const MakeSlot& make_slot, Events events);

  // Takes a job. dispatch() gives it to a slot, now or later.
  void add(Job job);
  void dispatch();
  // Ends those of these attempts that are here.
  void stop(const std::vector<AttemptId>& ids);
  // Ends all attempts at once, and reports none of them.
  void abandon();
  // A task that was abandoned still runs.
  [[nodiscard]] bool runs_abandoned() const;
  // From now on, gives back every job that has not started.
  void drain();

  struct Slots {
    std::size_t busy = 0;
    std::size_t free = 0;
    std::size_t down = 0;  // without a process, or held by an overdue job
  };
  [[nodiscard]] Slots slots() const;

  // Jobs that have not ended.
  [[nodiscard]] std::size_t held() const { return held_; }
  // No job is here, and no overdue one holds a slot.
  [[nodiscard]] bool is_idle() const;
  // How many jobs to hold.
  [[nodiscard]] std::size_t wanted() const;
  // How many jobs to ask for at least in one message: more than one if every slot has its next job meanwhile.
  [[nodiscard]] std::size_t min_credit() const;
  void list(std::vector<AttemptId>& into) const;

 private:
  struct Place {
    std::unique_ptr<Slot> slot;
    TimePoint last_end;  // of a job, or when the slot was made

    // Jobs wait in the slot behind the running one.
    [[nodiscard]] bool has_waiting() const { return slot->load() > 1; }
    [[nodiscard]] bool is_free() const { return slot->load() == 0 && slot->room() > 0; }
  };

  void dispatch_soon();
  void feed(Place& place, std::size_t batch);
  void slot_finished(Slot& slot, std::vector<Finished> finished);
  void slot_returned(std::vector<Job> jobs);
  void give_back_ready();
  [[nodiscard]] std::size_t alive_slots() const;
  [[nodiscard]] bool is_waiting() const;
  void watch_stall();
  void check_stall(TimePoint since);
  [[nodiscard]] bool is_imbalanced() const;
  void watch_imbalance();
  void recall_behind(TimePoint since);

  boost::asio::io_context& loop_;
  Events events_;
  SlotEvents slot_events_;
  Pace pace_;
  JobLine ready_;
  std::size_t held_ = 0;
  TimePoint last_end_;  // of any slot's job, or when the dispatcher was made
  boost::asio::steady_timer stall_timer_;
  boost::asio::steady_timer imbalance_timer_;
  std::chrono::milliseconds imbalance_delay_;  // how long jobs wait beside a free slot before they are recalled
  bool is_stall_watched_ = false;
  bool is_imbalance_watched_ = false;
  bool is_dispatch_posted_ = false;
  bool is_stalled_ = false;
  bool is_draining_ = false;
  std::vector<Place> places_;  // last: slots call the above
};

}  // namespace zebu::consumer
