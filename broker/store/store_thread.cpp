#include "broker/store/store_thread.h"

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
    return answer_of<QueuedLoaded>(r, store.load_queued(r.line, r.from, r.limit, r.bytes));
  }
  Result<ReadAnswer> operator()(const LoadScheduled& r) const {
    return answer_of<ScheduledLoaded>(r, store.load_scheduled(r.from, r.limit, r.bytes));
  }
  Result<ReadAnswer> operator()(const LoadExpired& r) const {
    return answer_of<ExpiredLoaded>(r, store.load_expired(r.latest, r.limit, r.from));
  }
  Result<ReadAnswer> operator()(const Find& r) const {
    return answer_of<Found>(r, r.to_show ? store.find_to_show(r.ids) : store.find(r.ids));
  }
  Result<ReadAnswer> operator()(const List& r) const { return answer_of<Listed>(r, store.list(r.filter)); }
  Result<ReadAnswer> operator()(const Forget& r) const { return answer_of<Forgotten>(r, store.forget(r.now, r.limit)); }
  Result<ReadAnswer> operator()(const ForgetFailed& r) const {
    return answer_of<FailedForgotten>(r, store.forget_failed(r.queues, r.keep, r.limit));
  }
};

}  // namespace

Result<ReadAnswer> perform(Store& store, const Read& read) { return std::visit(Perform{store}, read); }

StoreThread::StoreThread(std::unique_ptr<Store> store, std::chrono::microseconds spin)
    : store_(std::move(store)), spin_(spin), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (event_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  thread_ = std::thread([this] { run(); });
}

StoreThread::~StoreThread() {
  give_up();
  static_cast<void>(wait());
  change(Phase::closing);
  thread_.join();
  ::close(event_);
}

void StoreThread::change(Phase to) {
  phase_ = to;
  phase_.notify_one();
}

void StoreThread::start(StoreWork work) {
  is_busy_ = true;
  work_ = std::move(work);
  change(Phase::work);
}

std::optional<Result<StoreDone>> StoreThread::take() {
  // Set after the descriptor was written to, so a thread that sees it set can read it, now or once it is readable.
  if (is_announced_.exchange(false)) {
    eventfd_t ignored = 0;
    static_cast<void>(::eventfd_read(event_, &ignored));
  }
  if (!is_done()) return std::nullopt;
  std::optional<Result<StoreDone>> done = std::exchange(done_, std::nullopt);
  is_busy_ = false;
  phase_ = Phase::idle;
  return done;
}

std::optional<Result<StoreDone>> StoreThread::wait() {
  phase_.wait(Phase::work);
  return take();
}

bool StoreThread::may_sleep() {
  is_asleep_ = true;
  return !is_done();
}

// One of the two threads sees the other: the loop first says that it is about to sleep, and then looks at the phase;
// the store's thread first sets the phase, and then looks whether the loop sleeps.
void StoreThread::announce() {
  change(Phase::done);
  if (!is_asleep_) return;
  static_cast<void>(::eventfd_write(event_, 1));
  is_announced_ = true;
}

void StoreThread::run() {
  ::prctl(PR_SET_NAME, "zebu-store");
  const auto has_more = [this] { return phase_ == Phase::work || phase_ == Phase::closing; };
  while (true) {
    for (Phase phase = phase_; !has_more(); phase = phase_) phase_.wait(phase);
    if (phase_ == Phase::closing) return;
    std::optional<StoreWork> work = std::exchange(work_, std::nullopt);
    done_ = perform(*work);
    announce();
    store_->tidy();
    work.reset();  // what it shared with the engine is freed here, not in the loop
    static_cast<void>(spin_.wait_for(has_more));
  }
}

Result<StoreDone> StoreThread::perform(const StoreWork& work) {
  StoreDone done{work.batch, {}, {}, {}};
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
  if (work.looks) {
    auto state = store_->look();
    if (!state) return tl::make_unexpected(std::move(state.error()));
    done.state = *state;
  }
  return done;
}

}  // namespace zebu::broker
