#pragma once

#include "consumer/slots/limit_watch.h"
#include "consumer/slots/worker.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <optional>

namespace zebu::consumer {

// A slot that is a thread of this process: the cheapest, for tasks that neither crash nor need to be killed. An attempt
// that reaches its hard limit has failed, but its task holds the thread until it returns: so long the slot takes no
// jobs, and what the task still says or returns is dropped.
class ThreadSlot : public Slot {
 public:
  // loop and events outlive the slot.
  ThreadSlot(boost::asio::io_context& loop, const SlotEvents& events);

  [[nodiscard]] bool is_alive() const override { return !overdue_; }
  [[nodiscard]] std::size_t room() const override;
  [[nodiscard]] std::size_t load() const override { return load_; }
  void give(std::vector<Job> jobs) override;
  void recall() override;
  void stop(const AttemptId& id) override;
  void list(std::vector<AttemptId>& into) const override;

 private:
  void collect_soon();
  void collect();
  void forward(std::vector<Told> told);
  void reach(const LimitWatch::Reached& reached);
  // Takes the overdue attempt's end out; true when it was there.
  [[nodiscard]] bool drop_overdue(std::vector<Finished>& finished);

  boost::asio::io_context& loop_;
  const SlotEvents& events_;
  std::size_t load_ = 0;
  std::optional<AttemptId> overdue_;
  LimitWatch limits_;
  boost::asio::steady_timer told_timer_;
  bool is_pausing_ = false;  // what its tasks tell
  Worker worker_;
};

}  // namespace zebu::consumer
