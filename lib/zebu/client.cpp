#include <utility>
// <utility> first: Boost 1.74's Asio uses std::exchange without including it.
#include <zebu/client.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <sched.h>
#include <thread>

namespace zebu {
namespace client_detail {

struct JobRecord {
  JobId id;
  std::weak_ptr<Loop> loop;
  std::mutex mutex;
  // Two, so that who waits for the outcome sleeps through ACCEPTED.
  std::condition_variable on_accepted;
  std::condition_variable on_outcome;
  std::optional<Result<void>> accepted;
  std::optional<Result<Outcome>> outcome;
  std::atomic<bool> has_outcome = false;
};

namespace {

struct SubmitCommand {
  JobId id;
  JobRequest request;
  ClientSession::OnAccepted accepted;
  ClientSession::OnOutcome outcome;
};
struct WaitCommand {
  JobId id;
  ClientSession::OnOutcome outcome;
};
struct CancelCommand {
  JobId id;
};
struct QueryCommand {
  std::string what;
  std::vector<JobId> ids;
  ClientSession::OnAnswer answer;
};
using Command = std::variant<SubmitCommand, WaitCommand, CancelCommand, QueryCommand>;

void run(ClientSession& session, SubmitCommand& command) {
  session.submit(command.id, std::move(command.request), std::move(command.accepted), std::move(command.outcome));
}
void run(ClientSession& session, WaitCommand& command) { session.wait(command.id, std::move(command.outcome)); }
void run(ClientSession& session, CancelCommand& command) { session.cancel(command.id); }
void run(ClientSession& session, QueryCommand& command) {
  session.query(std::move(command.what), std::move(command.ids), std::move(command.answer));
}

void refuse(const SubmitCommand& command, const Error& why) {
  if (command.accepted) command.accepted(tl::make_unexpected(why));
  if (command.outcome) command.outcome(tl::make_unexpected(why));
}
void refuse(const WaitCommand& command, const Error& why) { command.outcome(tl::make_unexpected(why)); }
void refuse(const CancelCommand&, const Error&) {}
void refuse(const QueryCommand& command, const Error& why) { command.answer(tl::make_unexpected(why)); }

// Until `is_there`, or the timeout; says which.
template <class Predicate>
bool wait_until(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Timeout timeout,
                Predicate is_there) {
  if (timeout) return changed.wait_for(lock, *timeout, is_there);
  changed.wait(lock, is_there);
  return true;
}

// The answer of a short job comes sooner than a sleeping core wakes up: before it sleeps, one waiting thread of the
// process looks again and again for a moment, and leaves its core to whoever else can run.
void look_briefly(const std::atomic<bool>& is_there) {
  constexpr std::chrono::microseconds kMoment{100};
  static std::atomic<bool> somebody_looks = false;
  if (somebody_looks.exchange(true)) return;
  const TimePoint end = Clock::now() + kMoment;
  while (!is_there && Clock::now() < end) ::sched_yield();
  somebody_looks = false;
}

std::string milliseconds_text(Timeout timeout) { return std::to_string(timeout ? timeout->count() : 0) + " ms"; }

}  // namespace

// The client's thread and the way into it: callers put commands into the inbox, and wake the loop only when it was
// empty, so that a thousand submits cost one wake-up.
class Loop {
 public:
  explicit Loop(ClientOptions options) : broker_(options.broker), session_(loop_, context_, std::move(options)) {}

  Result<void> start() {
    session_.on_change([this](const Error* why) { note_change(why); });
    auto started = session_.start();
    if (started) {
      thread_ = std::thread([this] { loop_.run(); });
    }
    return started;
  }

  void put(Command command) {
    bool wake = false;
    bool is_closed = false;
    {
      const std::lock_guard lock(mutex_);
      is_closed = closed_;
      if (!is_closed) {
        wake = inbox_.empty();
        inbox_.push_back(std::move(command));
      }
    }
    if (is_closed) {
      const Error why{ErrorCode::closed, "the client was closed", {}};
      std::visit([&](const auto& c) { refuse(c, why); }, command);
    } else if (wake) {
      boost::asio::post(loop_, [this] { take_inbox(); });
    }
  }

  // Joins the thread; not to be called by it.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    if (!thread_.joinable()) return;
    boost::asio::post(loop_, [this] {
      take_inbox();
      session_.close();
      guard_.reset();
    });
    thread_.join();
  }

  Result<void> wait_connected(Timeout timeout) {
    std::unique_lock lock(mutex_);
    if (!wait_until(changed_, lock, timeout, [this] { return up_ || refusal_; })) {
      return fail(ErrorCode::disconnected,
                  "no broker answers at " + broker_ + " (waited " + milliseconds_text(timeout) + ")");
    }
    if (refusal_) return tl::make_unexpected(*refusal_);
    return {};
  }

 private:
  void take_inbox() {
    {
      const std::lock_guard lock(mutex_);
      taken_.swap(inbox_);
    }
    for (Command& command : taken_) {
      std::visit([&](auto& c) { run(session_, c); }, command);
    }
    taken_.clear();
  }

  void note_change(const Error* why) {
    const std::lock_guard lock(mutex_);
    up_ = why == nullptr;
    if (why != nullptr && why->code != ErrorCode::disconnected) refusal_ = *why;
    changed_.notify_all();
  }

  const std::string broker_;
  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{loop_.get_executor()};
  SocketContext context_;
  ClientSession session_;
  std::vector<Command> taken_;  // of the loop's thread; kept for its memory
  std::mutex mutex_;            // guards what follows
  std::condition_variable changed_;
  std::vector<Command> inbox_;
  bool up_ = false;
  bool closed_ = false;
  std::optional<Error> refusal_;
  std::thread thread_;
};

namespace {

ClientSession::OnAccepted note_accepted(const std::shared_ptr<JobRecord>& record) {
  return [record](const Result<void>& accepted) {
    {
      const std::lock_guard lock(record->mutex);
      record->accepted = accepted;
    }
    record->on_accepted.notify_all();  // unlocked: who wakes up would only wait for the mutex
  };
}

ClientSession::OnOutcome note_outcome(const std::shared_ptr<JobRecord>& record) {
  return [record](const Result<Outcome>& outcome) {
    {
      const std::lock_guard lock(record->mutex);
      // An outcome that overtook its ACCEPTED says the same.
      if (!record->accepted) record->accepted = Result<void>();
      record->outcome = outcome;
    }
    record->has_outcome = true;
    record->on_accepted.notify_all();
    record->on_outcome.notify_all();
  };
}

// What map waits for: outcomes as they come, taken by the caller many at a time.
struct Completions {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<std::size_t, Result<Outcome>>> done;

  void add(std::size_t index, const Result<Outcome>& outcome) {
    bool was_empty = false;
    {
      const std::lock_guard lock(mutex);
      was_empty = done.empty();
      done.emplace_back(index, outcome);
    }
    if (was_empty) changed.notify_one();
  }

  // Empty when the deadline passes first.
  std::vector<std::pair<std::size_t, Result<Outcome>>> take(std::optional<TimePoint> deadline) {
    std::unique_lock lock(mutex);
    const auto is_there = [this] { return !done.empty(); };
    if (deadline) {
      changed.wait_until(lock, *deadline, is_there);
    } else {
      changed.wait(lock, is_there);
    }
    return std::exchange(done, {});
  }
};

}  // namespace
}  // namespace client_detail

using client_detail::JobRecord;

Result<std::string> result_of(const Result<Outcome>& outcome) {
  if (!outcome) return tl::make_unexpected(outcome.error());
  switch (outcome->state) {
    case JobState::succeeded:
      return outcome->result;
    case JobState::failed:
      return fail(ErrorCode::job_failed, outcome->error.type + ": " + outcome->error.message);
    default:
      return fail(ErrorCode::job_cancelled, "the job ended as " + std::string(to_string(outcome->state)));
  }
}

const JobId& JobHandle::id() const { return record_->id; }

Result<void> JobHandle::accepted(Timeout timeout) const {
  std::unique_lock lock(record_->mutex);
  if (!client_detail::wait_until(record_->on_accepted, lock, timeout,
                                 [this] { return record_->accepted.has_value(); })) {
    return fail(ErrorCode::timed_out, "the broker has not answered for job " + id().to_string() + " within " +
                                          client_detail::milliseconds_text(timeout));
  }
  return *record_->accepted;
}

Result<Outcome> JobHandle::outcome(Timeout timeout) const {
  client_detail::look_briefly(record_->has_outcome);
  std::unique_lock lock(record_->mutex);
  if (!client_detail::wait_until(record_->on_outcome, lock, timeout, [this] { return record_->outcome.has_value(); })) {
    return fail(ErrorCode::timed_out,
                "job " + id().to_string() + " has not ended within " + client_detail::milliseconds_text(timeout));
  }
  return *record_->outcome;
}

Result<std::string> JobHandle::value(Timeout timeout) const { return result_of(outcome(timeout)); }

void JobHandle::cancel() const {
  if (const auto loop = record_->loop.lock()) loop->put(client_detail::CancelCommand{record_->id});
}

Client::Client(std::shared_ptr<client_detail::Loop> loop) : loop_(std::move(loop)) {}

Client::~Client() { loop_->close(); }

Result<std::unique_ptr<Client>> Client::connect(ClientOptions options) {
  auto loop = std::make_shared<client_detail::Loop>(std::move(options));
  if (auto started = loop->start(); !started) return tl::make_unexpected(started.error());
  return std::unique_ptr<Client>(new Client(std::move(loop)));
}

Result<void> Client::wait_connected(Timeout timeout) const { return loop_->wait_connected(timeout); }

JobHandle Client::start(JobRequest request) {
  auto record = std::make_shared<JobRecord>();
  record->id = Uuid::make();
  record->loop = loop_;
  loop_->put(client_detail::SubmitCommand{record->id, std::move(request), client_detail::note_accepted(record),
                                          client_detail::note_outcome(record)});
  return JobHandle(std::move(record));
}

JobId Client::submit(JobRequest request, OnOutcome outcome) {
  const JobId id = Uuid::make();
  loop_->put(client_detail::SubmitCommand{id, std::move(request), nullptr, std::move(outcome)});
  return id;
}

JobHandle Client::await(const JobId& id) {
  auto record = std::make_shared<JobRecord>();
  record->id = id;
  record->loop = loop_;
  record->accepted = Result<void>();
  loop_->put(client_detail::WaitCommand{id, client_detail::note_outcome(record)});
  return JobHandle(std::move(record));
}

void Client::wait(const JobId& id, OnOutcome outcome) {
  loop_->put(client_detail::WaitCommand{id, std::move(outcome)});
}

void Client::cancel(const JobId& id) { loop_->put(client_detail::CancelCommand{id}); }

Result<void> Client::map(const NextRequest& next, const OnEach& each, std::size_t window, Timeout timeout) {
  // shared_ptr: outcomes may come after map has ended early.
  const auto completions = std::make_shared<client_detail::Completions>();
  const auto deadline = timeout ? std::optional(Clock::now() + *timeout) : std::nullopt;
  std::size_t submitted = 0;
  std::size_t finished = 0;
  for (bool more = true;;) {
    while (more && submitted - finished < std::max<std::size_t>(window, 1)) {
      std::optional<JobRequest> request = next();
      more = request.has_value();
      if (!more) break;
      submit(std::move(*request),
             [completions, index = submitted](const Result<Outcome>& outcome) { completions->add(index, outcome); });
      ++submitted;
    }
    if (finished == submitted) return {};
    const auto done = completions->take(deadline);
    if (done.empty()) {
      return fail(ErrorCode::timed_out, std::to_string(submitted - finished) +
                                            " jobs under way have not ended within " +
                                            client_detail::milliseconds_text(timeout));
    }
    finished += done.size();
    for (const auto& [index, outcome] : done) each(index, outcome);
  }
}

Result<std::string> Client::query(std::string what, std::vector<JobId> ids, Timeout timeout) {
  struct Answer {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Result<std::string>> value;
  };
  // shared_ptr: the answer may come after the timeout.
  const auto answer = std::make_shared<Answer>();
  const std::string asked = what;
  loop_->put(client_detail::QueryCommand{std::move(what), std::move(ids), [answer](const Result<std::string>& value) {
                                           const std::lock_guard lock(answer->mutex);
                                           answer->value = value;
                                           answer->changed.notify_all();
                                         }});
  std::unique_lock lock(answer->mutex);
  if (!client_detail::wait_until(answer->changed, lock, timeout, [&] { return answer->value.has_value(); })) {
    return fail(ErrorCode::timed_out, "the broker has not answered the query '" + asked + "' within " +
                                          client_detail::milliseconds_text(timeout));
  }
  return std::move(*answer->value);
}

}  // namespace zebu
