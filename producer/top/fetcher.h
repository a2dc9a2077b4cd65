#pragma once

#include "producer/top/top_state.h"
#include "zebu/client.h"
#include "zebu/program/descriptor.h"
#include "zebu/thread_annotations.h"

#include <condition_variable>
#include <thread>

namespace zebu::producer {

// Asks the broker for what `top` shows, in a thread of its own, so that a broker that hangs holds up neither keys nor
// signals.
class TopFetcher {
 public:
  struct News {
    TopData data;
    TopWish wish;         // what `data` has beside the overview
    std::string trouble;  // why `data` is not new; empty: it is
  };

  TopFetcher(Client& client, std::chrono::milliseconds interval);
  // Waits for an answer that is under way, for a second at most.
  ~TopFetcher();
  TopFetcher(const TopFetcher&) = delete;
  TopFetcher& operator=(const TopFetcher&) = delete;

  // Readable when there is news.
  [[nodiscard]] int descriptor() const { return wake_.get(); }
  [[nodiscard]] News take();
  // Asks for this from now on, and at once if it is something else.
  void wish(const TopWish& wish);

 private:
  void run();
  [[nodiscard]] Result<TopData> ask(const TopWish& wish);

  Client& client_;
  const std::chrono::milliseconds interval_;
  Descriptor wake_;
  Mutex mutex_;
  std::condition_variable changed_;
  TopWish wish_ ZEBU_GUARDED_BY(mutex_);
  News news_ ZEBU_GUARDED_BY(mutex_);
  bool is_stopped_ ZEBU_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: uses all of the above
};

// All that a snapshot without a terminal shows.
[[nodiscard]] Result<TopData> ask_overview(Client& client, std::chrono::milliseconds timeout);

}  // namespace zebu::producer
