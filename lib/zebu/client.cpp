#include "zebu/client_loop.h"
#include "zebu/progress.h"
#include "zebu/spin.h"

#include <algorithm>
#include <atomic>

namespace zebu {
namespace client_detail {

struct JobRecord {
  JobRecord(const std::shared_ptr<Loop>& to, const JobId& of) : loop(to), id(of) {}

  const std::weak_ptr<Loop> loop;
  Mutex mutex;
  JobId id ZEBU_GUARDED_BY(mutex);
  // Two of them, so that ACCEPTED does not wake a thread that waits for the outcome.
  std::condition_variable on_accepted;
  std::condition_variable on_outcome;
  std::optional<Result<void>> accepted ZEBU_GUARDED_BY(mutex);
  std::optional<Result<Outcome>> outcome ZEBU_GUARDED_BY(mutex);
  std::uint32_t attempt ZEBU_GUARDED_BY(mutex) = 0;  // the one that `progress` belongs to
  Progress progress ZEBU_GUARDED_BY(mutex);
  std::atomic<bool> has_outcome = false;
};

namespace {

// The outcome of a short job arrives soon, so a waiting thread spins for it first. Only one thread of the process does:
// more would take processor time from the programs that produce the outcome.
void spin_for(const std::atomic<bool>& is_there) {
  static std::atomic<bool> is_taken = false;
  static AdaptiveSpin spin(std::chrono::microseconds(100));
  if (is_taken.exchange(true)) return;
  (void)spin.wait_for([&] { return is_there.load(); });
  is_taken = false;
}

ClientSession::OnAccepted note_accepted(const std::shared_ptr<JobRecord>& record) {
  return [record](const Result<JobId>& accepted) {
    {
      const Lock lock(record->mutex);
      if (accepted) record->id = *accepted;
      record->accepted = accepted ? Result<void>() : Result<void>(tl::make_unexpected(accepted.error()));
    }
    record->on_accepted.notify_all();  // after unlocking: the woken thread needs the mutex
  };
}

ClientSession::OnOutcome note_outcome(const std::shared_ptr<JobRecord>& record) {
  return [record](const Result<Outcome>& outcome) {
    {
      const Lock lock(record->mutex);
      // An outcome that arrives before ACCEPTED implies it.
      if (!record->accepted) record->accepted = Result<void>();
      record->outcome = outcome;
    }
    record->has_outcome = true;
    record->on_accepted.notify_all();
    record->on_outcome.notify_all();
  };
}

ClientSession::OnProgress note_progress(const std::shared_ptr<JobRecord>& record) {
  return [record](std::uint32_t attempt, const Progress& progress) {
    const Lock lock(record->mutex);
    if (std::exchange(record->attempt, attempt) != attempt) record->progress = {};
    append(record->progress, progress);
  };
}

// map's queue of outcomes in order of arrival, which the caller takes many at a time.
struct Completions {
  Mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<std::size_t, Result<Outcome>>> done ZEBU_GUARDED_BY(mutex);

  void add(std::size_t index, const Result<Outcome>& outcome) {
    bool was_empty = false;
    {
      const Lock lock(mutex);
      was_empty = done.empty();
      done.emplace_back(index, outcome);
    }
    if (was_empty) changed.notify_one();
  }

  // Empty if the deadline passes first.
  std::vector<std::pair<std::size_t, Result<Outcome>>> take(std::optional<TimePoint> deadline) {
    Lock lock(mutex);
    const auto is_there = [this]() ZEBU_REQUIRES(mutex) { return !done.empty(); };
    if (deadline) {
      changed.wait_until(lock.native(), *deadline, is_there);
    } else {
      changed.wait(lock.native(), is_there);
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
    case JobState::expired:
      return fail(ErrorCode::job_expired, "the job expired: it did not start in time");
    default:
      return fail(ErrorCode::job_cancelled, "the job ended as " + std::string(to_string(outcome->state)));
  }
}

JobId JobHandle::id() const {
  const Lock lock(record_->mutex);
  return record_->id;
}

Progress JobHandle::progress() const {
  const Lock lock(record_->mutex);
  return record_->progress;
}

Result<void> JobHandle::accepted(Timeout timeout) const {
  Lock lock(record_->mutex);
  if (!client_detail::wait_until(record_->on_accepted, lock, timeout,
                                 [this]() ZEBU_REQUIRES(record_->mutex) { return record_->accepted.has_value(); })) {
    return fail(ErrorCode::timed_out, "the broker has not answered for job " + record_->id.to_string() + " within " +
                                          client_detail::milliseconds_text(timeout));
  }
  return *record_->accepted;
}

Result<Outcome> JobHandle::outcome(Timeout timeout) const {
  client_detail::spin_for(record_->has_outcome);
  Lock lock(record_->mutex);
  if (!client_detail::wait_until(record_->on_outcome, lock, timeout,
                                 [this]() ZEBU_REQUIRES(record_->mutex) { return record_->outcome.has_value(); })) {
    return fail(ErrorCode::timed_out, "job " + record_->id.to_string() + " has not ended within " +
                                          client_detail::milliseconds_text(timeout));
  }
  return *record_->outcome;
}

Result<std::string> JobHandle::value(Timeout timeout) const { return result_of(outcome(timeout)); }

void JobHandle::cancel() const {
  if (const auto loop = record_->loop.lock()) loop->put(client_detail::CancelCommand{id()});
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
  const JobId id = Uuid::make();
  auto record = std::make_shared<JobRecord>(loop_, id);
  static_cast<void>(loop_->submit({id, std::move(request), client_detail::note_accepted(record),
                                   client_detail::note_outcome(record), client_detail::note_progress(record)},
                                  loop_->when_full(), std::nullopt));
  return JobHandle(std::move(record));
}

JobId Client::submit(JobRequest request, OnOutcome outcome, OnProgress progress) {
  const JobId id = Uuid::make();
  submit(id, std::move(request), std::move(outcome), std::move(progress));
  return id;
}

void Client::submit(const JobId& id, JobRequest request, OnOutcome outcome, OnProgress progress) {
  static_cast<void>(loop_->submit({id, std::move(request), nullptr, std::move(outcome), std::move(progress)},
                                  loop_->when_full(), std::nullopt));
}

JobHandle Client::await(const JobId& id) {
  auto record = std::make_shared<JobRecord>(loop_, id);
  client_detail::note_accepted(record)(id);
  loop_->put(client_detail::WaitCommand{id, client_detail::note_outcome(record), client_detail::note_progress(record)});
  return JobHandle(std::move(record));
}

void Client::wait(const JobId& id, OnOutcome outcome, OnProgress progress) {
  loop_->put(client_detail::WaitCommand{id, std::move(outcome), std::move(progress)});
}

void Client::cancel(const JobId& id) { loop_->put(client_detail::CancelCommand{id}); }

Result<void> Client::map(const NextRequest& next, const OnEach& each, std::size_t window, Timeout timeout) {
  // shared_ptr: outcomes may arrive after map has ended early.
  const auto completions = std::make_shared<client_detail::Completions>();
  const auto deadline = timeout ? std::optional(Clock::now() + *timeout) : std::nullopt;
  std::size_t submitted = 0;
  std::size_t finished = 0;
  for (bool more = true;;) {
    while (more && submitted - finished < std::max<std::size_t>(window, 1)) {
      std::optional<JobRequest> request = next();
      more = request.has_value();
      if (!more) break;
      const auto add = [completions, index = submitted](const Result<Outcome>& outcome) {
        completions->add(index, outcome);
      };
      if (!loop_->submit({Uuid::make(), std::move(*request), nullptr, add, nullptr}, WhenFull::wait, deadline)) {
        return fail(ErrorCode::timed_out, "the broker has not answered earlier submissions within " +
                                              client_detail::milliseconds_text(timeout));
      }
      ++submitted;
    }
    if (finished == submitted) return {};
    const auto done = completions->take(deadline);
    if (done.empty()) {
      return fail(ErrorCode::timed_out, std::to_string(submitted - finished) +
                                            " jobs in flight have not ended within " +
                                            client_detail::milliseconds_text(timeout));
    }
    finished += done.size();
    for (const auto& [index, outcome] : done) each(index, outcome);
  }
}

Result<std::string> Client::query(std::string what, Params params, Timeout timeout) {
  return ask(false, std::move(what), std::move(params), timeout, {});
}

Result<std::string> Client::command(std::string what, Params params, Timeout timeout, const OnNews& progress) {
  return ask(true, std::move(what), std::move(params), timeout, progress);
}

Result<std::string> Client::ask(bool is_command, std::string what, Params params, Timeout timeout,
                                const OnNews& progress) {
  struct Answer {
    Mutex mutex;
    std::condition_variable changed;
    std::optional<Result<std::string>> value ZEBU_GUARDED_BY(mutex);
    std::optional<std::string> news ZEBU_GUARDED_BY(mutex);
  };
  // shared_ptr: the answer may arrive after the timeout.
  const auto answer = std::make_shared<Answer>();
  const std::string asked = what;
  const auto take = [answer](const Result<std::string>& value) {
    const Lock lock(answer->mutex);
    answer->value = value;
    answer->changed.notify_all();
  };
  const auto take_news = [answer](const Result<std::string>& news) {
    const Lock lock(answer->mutex);
    answer->news = *news;
    answer->changed.notify_all();
  };
  loop_->put(client_detail::AskCommand{is_command, std::move(what), std::move(params), take, take_news});
  while (true) {
    std::optional<std::string> news;
    {
      Lock lock(answer->mutex);
      const auto is_there = [&]() ZEBU_REQUIRES(answer->mutex) {
        return answer->value.has_value() || answer->news.has_value();
      };
      if (!client_detail::wait_until(answer->changed, lock, timeout, is_there)) {
        return fail(ErrorCode::timed_out,
                    "the broker has not answered '" + asked + "' within " + client_detail::milliseconds_text(timeout));
      }
      if (answer->value) return std::move(*answer->value);
      news = std::exchange(answer->news, std::nullopt);
    }
    if (progress) progress(*news);
  }
}

}  // namespace zebu
