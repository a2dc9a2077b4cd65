#pragma once

#include "consumer/pace.h"
#include "consumer/slots/slot.h"
#include "zebu/asio.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace zebu::consumer {

// The jobs of a consumer that have not ended: one queue of ready ones, and the slots that run them. A free slot gets
// the next job first; where jobs are short, slots get the next ones while they still run one. When jobs turn out to
// wait behind a long one, they go to a slot that is free, or back to the broker. One thread: the loop's.
class Dispatcher {
 public:
  struct Events {
    std::function<void(std::vector<Finished>)> finished;
    // These were not started, and this consumer does not have them any longer.
    std::function<void(std::vector<AttemptId>)> given_back;
    std::function<void(Told)> told;
    // It may want more jobs than before.
    std::function<void()> ready;
  };
  using MakeSlot = std::function<std::unique_ptr<Slot>(const SlotEvents&)>;

  Dispatcher(boost::asio::io_context& loop, std::size_t slots, const MakeSlot& make_slot, Events events);

  // Takes a job; dispatch() hands it to a slot, now or later.
  void add(Job job);
  void dispatch();
  // Ends these attempts, as far as they are here.
  void stop(const std::vector<AttemptId>& ids);
  // From now on all that has not started is given back.
  void drain();

  // Jobs that have not ended.
  [[nodiscard]] std::size_t held() const { return held_; }
  // Nothing runs: no job is here, nor holds a slot past its end.
  [[nodiscard]] bool is_idle() const;
  // How many it would like to hold.
  [[nodiscard]] std::size_t wanted() const;
  // How many it is worth asking for in one message: more than one when that leaves every slot its next job meanwhile.
  [[nodiscard]] std::size_t portion() const;
  void list(std::vector<AttemptId>& into) const;

 private:
  struct Place {
    std::unique_ptr<Slot> slot;
    TimePoint last_end{};  // of a job

    // Jobs lie there behind the one that runs.
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
  void check_stall();
  [[nodiscard]] bool is_unfair() const;
  void watch_unfair();
  void recall_behind(TimePoint since);

  boost::asio::io_context& loop_;
  Events events_;
  SlotEvents slot_events_;
  Pace pace_;
  std::deque<Job> ready_;
  std::size_t held_ = 0;
  TimePoint last_end_{};       // of any slot's job
  TimePoint watched_since_{};  // jobs wait behind busy slots since then
  boost::asio::steady_timer stall_timer_;
  boost::asio::steady_timer unfair_timer_;
  std::chrono::milliseconds unfair_after_{2};  // how long jobs wait beside a free slot until they are recalled
  bool is_stall_watched_ = false;
  bool is_unfair_watched_ = false;
  bool is_dispatch_posted_ = false;
  bool is_stalled_ = false;
  bool is_draining_ = false;
  std::vector<Place> places_;  // last: slots call the above
};

}  // namespace zebu::consumer
