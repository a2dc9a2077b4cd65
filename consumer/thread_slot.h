#pragma once

#include "worker.h"

#include <boost/asio/io_context.hpp>

namespace zebu::consumer {

// A slot that is a thread of this process: the cheapest, for tasks that neither crash nor need to be killed.
class ThreadSlot : public Slot {
 public:
  // loop and events outlive the slot.
  ThreadSlot(boost::asio::io_context& loop, const SlotEvents& events);

  [[nodiscard]] bool can_take() const override { return true; }
  [[nodiscard]] std::size_t load() const override { return load_; }
  void give(std::vector<Job> jobs) override;
  void recall() override;
  void stop(const AttemptId& id) override;
  void list(std::vector<AttemptId>& into) const override;

 private:
  void collect();

  boost::asio::io_context& loop_;
  const SlotEvents& events_;
  std::size_t load_ = 0;
  Worker worker_;
};

}  // namespace zebu::consumer
