#include "store_thread.h"

#include <zebu/look_briefly.h>

#include <sys/eventfd.h>
#include <sys/prctl.h>

#include <cerrno>
#include <system_error>
#include <unistd.h>

namespace zebu::broker {
namespace {

template <class Answer, class Asked, class Rows>
Result<ReadAnswer> answer_of(const Asked& asked, Result<Rows> rows) {
  if (!rows) return tl::make_unexpected(std::move(rows.error()));
  return ReadAnswer(Answer{asked, std::move(*rows)});
}

struct Perform {
  Store& store;

  Result<ReadAnswer> operator()(const LoadQueued& r) const {
    return answer_of<QueuedLoaded>(r, store.load_queued(r.queue, r.from, r.limit, r.bytes));
  }
  Result<ReadAnswer> operator()(const LoadScheduled& r) const {
    return answer_of<ScheduledLoaded>(r, store.load_scheduled(r.from, r.limit, r.bytes));
  }
  Result<ReadAnswer> operator()(const LoadExpired& r) const {
    return answer_of<ExpiredLoaded>(r, store.load_expired(r.now, r.limit));
  }
  Result<ReadAnswer> operator()(const Find& r) const { return answer_of<Found>(r, store.find(r.ids)); }
  Result<ReadAnswer> operator()(const List& r) const { return answer_of<Listed>(r, store.list(r.filter)); }
  Result<ReadAnswer> operator()(const Forget& r) const { return answer_of<Forgotten>(r, store.forget(r.now, r.limit)); }
};

}  // namespace

Result<ReadAnswer> perform(Store& store, const Read& read) { return std::visit(Perform{store}, read); }

StoreThread::StoreThread(std::unique_ptr<Store> store, std::chrono::microseconds spin)
    : store_(std::move(store)), spin_(spin), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (event_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  thread_ = std::thread([this] { run(); });
}

StoreThread::~StoreThread() {
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
  }
  changed_.notify_all();
  thread_.join();
  ::close(event_);
}

void StoreThread::start(StoreWork work) {
  is_busy_ = true;
  {
    const std::lock_guard lock(mutex_);
    work_ = std::move(work);
    has_work_ = true;
  }
  changed_.notify_all();
}

std::optional<Result<StoreDone>> StoreThread::take() {
  if (!is_busy_) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (!done_) return std::nullopt;
  eventfd_t ignored = 0;
  static_cast<void>(::eventfd_read(event_, &ignored));
  is_busy_ = false;
  is_done_ = false;
  return std::exchange(done_, std::nullopt);
}

std::optional<Result<StoreDone>> StoreThread::wait() {
  if (!is_busy_) return std::nullopt;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_.has_value(); });
  }
  return take();
}

void StoreThread::run() {
  ::prctl(PR_SET_NAME, "zebu-store");
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return is_closing_ || work_; });
    if (!work_) return;
    std::optional<StoreWork> work = std::exchange(work_, std::nullopt);
    has_work_ = false;
    lock.unlock();
    Result<StoreDone> done = perform(*work);
    lock.lock();
    done_ = std::move(done);
    static_cast<void>(::eventfd_write(event_, 1));  // locked: whoever takes what is done takes this too
    is_done_ = true;
    changed_.notify_all();
    lock.unlock();
    store_->tidy();
    work.reset();  // what it shared with the engine is freed here, not in the loop
    (void)look_briefly(spin_, [this] { return has_work_.load(); });
    lock.lock();
  }
}

Result<StoreDone> StoreThread::perform(const StoreWork& work) {
  StoreDone done{work.batch, {}, {}};
  if (!work.records.empty()) {
    auto duplicates = store_->commit(work.records);
    if (!duplicates) return tl::make_unexpected(std::move(duplicates.error()));
    done.duplicates = std::move(*duplicates);
  }
  done.answers.reserve(work.reads.size());
  for (const Read& read : work.reads) {
    auto answer = broker::perform(*store_, read);
    if (!answer) return tl::make_unexpected(std::move(answer.error()));
    done.answers.push_back(std::move(*answer));
  }
  return done;
}

}  // namespace zebu::broker
