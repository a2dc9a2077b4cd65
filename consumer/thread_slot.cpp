#include <utility>
// <utility> first: Boost 1.74's Asio uses std::exchange without including it.
#include "thread_slot.h"

#include <boost/asio/post.hpp>

namespace zebu::consumer {

ThreadSlot::ThreadSlot(boost::asio::io_context& loop, const SlotEvents& events)
    : loop_(loop), events_(events), worker_(nullptr, [this] { boost::asio::post(loop_, [this] { collect(); }); }) {}

void ThreadSlot::give(std::vector<Job> jobs) {
  load_ += jobs.size();
  worker_.give(std::move(jobs));
}

void ThreadSlot::recall() {
  std::vector<Job> jobs = worker_.take_back();
  load_ -= jobs.size();
  boost::asio::post(loop_, [this] { collect(); });
  events_.returned(*this, std::move(jobs));
}

void ThreadSlot::stop(const AttemptId& id) { worker_.stop(id); }

void ThreadSlot::list(std::vector<AttemptId>& into) const { worker_.list(into); }

void ThreadSlot::collect() {
  std::vector<Finished> finished = worker_.collect();
  load_ -= finished.size();
  if (!finished.empty()) events_.finished(*this, std::move(finished));
}

}  // namespace zebu::consumer
