#pragma once

#include "consumer/slots/limit_watch.h"
#include "consumer/slots/worker.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <vector>

namespace zebu::consumer {

// A slot that is a thread of this process: the cheapest kind, for tasks that neither crash nor need to be killed. An
// attempt that reaches its hard limit has failed, but its task holds the thread until it returns. Until then the slot
// takes no jobs, and the task's progress and result are dropped.
class ThreadSlot : public Slot {
 public:
  // loop and events outlive the slot.
  ThreadSlot(boost::asio::io_context& loop, const SlotEvents& events);

  [[nodiscard]] bool is_alive() const override { return late_.empty(); }
  [[nodiscard]] std::size_t room() const override;
  [[nodiscard]] std::size_t load() const override { return load_; }
  void give(std::vector<Job> jobs) override;
  void recall() override;
  void stop(const AttemptId& id) override;
  void abandon() override;
  [[nodiscard]] bool runs_abandoned() const override { return is_abandoned_ && !late_.empty(); }
  void list(std::vector<AttemptId>& into) const override;

 private:
  void collect_soon();
  void collect();
  void forward_progress(std::vector<ProgressUpdate> updates);
  void reach(const LimitWatch::Reached& reached);
  [[nodiscard]] bool is_late(const AttemptId& id) const;
  // Removes the late attempts from `finished`. True if they were the last ones.
  [[nodiscard]] bool drop_late(std::vector<Finished>& finished);

  boost::asio::io_context& loop_;
  const SlotEvents& events_;
  std::size_t load_ = 0;
  // Attempts that have ended for everybody else: past their hard limit, or abandoned. One of them may run still.
  std::vector<AttemptId> late_;
  bool is_abandoned_ = false;
  LimitWatch limits_;
  boost::asio::steady_timer progress_timer_;
  bool is_progress_paused_ = false;  // until progress_timer_ expires
  Worker worker_;
};

}  // namespace zebu::consumer
