#pragma once

#include "broker/records/reads.h"
#include "broker/store/store.h"
#include "zebu/spin.h"

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

namespace zebu::broker {

// One turn of the store: the records of a batch, in one commit, then reads, then a look at the store itself.
struct StoreWork {
  std::optional<BatchNumber> batch;  // unset: there are only reads
  std::vector<Record> records;
  std::vector<Read> reads;
  bool looks = false;
};
struct StoreDone {
  std::optional<BatchNumber> batch;
  std::vector<Duplicate> duplicates;
  std::vector<ReadAnswer> answers;
  std::optional<StoreState> state = {};
};

// One read, now.
[[nodiscard]] Result<ReadAnswer> perform(Store& store, const Read& read);

// Runs a store in a thread of its own, so that the loop goes on while the disk syncs. It does one piece of work
// at a time. The records that gather meanwhile are the next one, and share one sync (group commit). All methods are the
// loop's.
class StoreThread {
 public:
  // The store has been recovered. spin: how long the thread looks for more work before it sleeps.
  explicit StoreThread(std::unique_ptr<Store> store, std::chrono::microseconds spin = {});
  // Waits for the work under way, but not for room on the disk.
  ~StoreThread();
  StoreThread(const StoreThread&) = delete;
  StoreThread& operator=(const StoreThread&) = delete;

  // Becomes readable when take() has something and its caller sleeps.
  [[nodiscard]] int descriptor() const { return event_; }
  [[nodiscard]] bool is_busy() const { return is_busy_; }
  // Whether take() has something.
  [[nodiscard]] bool is_done() const { return phase_ == Phase::done; }
  // To be asked before waiting for the descriptor, with woke_up() after it. False: take() has something already.
  [[nodiscard]] bool may_sleep();
  void woke_up() { is_asleep_ = false; }
  // Only when it is not busy.
  void start(StoreWork work);
  // The result of the work, once it is done. After an error the store is dead.
  [[nodiscard]] std::optional<Result<StoreDone>> take();
  // Why the work under way does not go on (Store::trouble).
  [[nodiscard]] std::string trouble() const { return store_->trouble(); }
  // The broker is to end: work that waits for room on the disk fails.
  void give_up() { store_->give_up(); }
  // Waits for the work under way, and takes it.
  [[nodiscard]] std::optional<Result<StoreDone>> wait();

 private:
  // Whose turn it is: that of the thread with `work`, else the loop's.
  enum class Phase : int { idle, work, done, closing };

  void run();
  void change(Phase to);
  void announce();
  [[nodiscard]] Result<StoreDone> perform(const StoreWork& work);

  std::unique_ptr<Store> store_;
  AdaptiveSpin spin_;
  int event_ = -1;
  bool is_busy_ = false;  // the loop's view
  std::atomic<Phase> phase_ = Phase::idle;
  std::optional<StoreWork> work_;
  std::optional<Result<StoreDone>> done_;
  std::atomic<bool> is_asleep_ = false;     // the loop
  std::atomic<bool> is_announced_ = false;  // the descriptor was written to
  std::thread thread_;                      // last: it uses all of the above
};

}  // namespace zebu::broker
