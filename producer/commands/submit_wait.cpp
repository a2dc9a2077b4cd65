#include "producer/commands/submit_wait.h"

#include "producer/commands/job_output.h"
#include "producer/commands/job_progress.h"
#include "producer/commands/service_watch.h"
#include "producer/commands/tally.h"
#include "producer/text/complain.h"
#include "producer/text/readable.h"
#include "zebu/program/option_text.h"
#include "zebu/thread_annotations.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <unistd.h>

namespace zebu::producer {
namespace {

// The most jobs in flight, whatever --count says.
constexpr std::size_t kInFlight = 10'000;
// When the id is told where nobody sits before stderr. Before ServiceWatch says why the job waits.
constexpr std::chrono::milliseconds kNameAfter{900};

// When --timeout passes.
class Deadline {
 public:
  explicit Deadline(std::optional<std::chrono::milliseconds> timeout) {
    if (timeout) at_ = Clock::now() + *timeout;
  }
  [[nodiscard]] bool is_over() const { return at_ && Clock::now() >= *at_; }
  // Time until the next look at everything else that may end a wait.
  [[nodiscard]] std::chrono::milliseconds pause() const {
    if (!at_) return Interrupt::kPause;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*at_ - Clock::now());
    return std::clamp(left, std::chrono::milliseconds(0), Interrupt::kPause);
  }

 private:
  std::optional<TimePoint> at_;
};

// One job that is submitted and waited for.
class OneJob {
 public:
  OneJob(Client& client, const CommonOptions& common, const SubmitOptions& options, JobRequest request,
         Interrupt& interrupt)
      : client_(client),
        common_(common),
        options_(options),
        interrupt_(interrupt),
        deadline_(options.timeout),
        watch_(client, common, options.queue, options.task, [this](const std::string& text) { say(text); }),
        job_(client.submit(std::move(request))) {}

  int run() {
    const bool is_answered = wait([&](auto pause) { return is_told(job_.accepted(pause)); });
    is_accepted_ = is_answered && job_.accepted(std::chrono::milliseconds(0));
    if (is_accepted_) show();
    Result<Outcome> outcome;
    const bool has_ended = is_answered && wait([&](auto pause) {
                             outcome = job_.outcome(pause);
                             return is_told(outcome);
                           });
    if (shown_) shown_->finish();
    if (!has_ended) return timed_out();
    interrupt_.release();  // a reader of stdout that has stopped must not hold Ctrl-C up
    return print_outcome(common_.output, job_.id(), true, outcome) ? 0 : 1;
  }

 private:
  template <class T>
  static bool is_told(const Result<T>& result) {
    return result || result.error().code != ErrorCode::timed_out;
  }

  // Waits until `is_done`. False: the timeout passed.
  bool wait(const auto& is_done) {
    while (!is_done(deadline_.pause())) {
      if (interrupt_.is_raised()) interrupted();
      if (deadline_.is_over()) return false;
      if (is_accepted_ && !is_named_ && Clock::now() >= begin_ + kNameAfter) name();
      watch_.look();
    }
    return true;
  }

  // Scripts need not know the id of a job that ends soon.
  void name() {
    complain("job " + job_.id().to_string());
    is_named_ = true;
  }

  // Only an accepted job's id is known: an earlier job may hold its unique key.
  void show() {
    if (::isatty(STDERR_FILENO) == 1) name();
    if (common_.output == Output::text) shown_ = JobProgress::on_terminal();
    if (shown_ == nullptr) return;
    client_.wait(
        job_.id(), [](const Result<Outcome>&) {}, show_on(shown_));
  }

  void say(const std::string& text) const {
    if (shown_) {
      shown_->interrupt([&] { complain(text); });
    } else {
      complain(text);
    }
  }

  [[noreturn]] void interrupted() {
    if (shown_) shown_->finish();
    const std::string id = job_.id().to_string();
    complain(is_accepted_ ? "job " + id + " goes on: zebu-producer wait " + id
                          : "job " + id + " was not accepted yet, and may never run: zebu-producer status " + id);
    interrupt_.die();
  }

  int timed_out() {
    const std::string id = job_.id().to_string();
    const std::string within = " within " + cli::duration_text(*options_.timeout);
    complain(is_accepted_
                 ? "job " + id + " has not ended" + within + "; it continues: zebu-producer wait " + id
                 : "job " + id + " was not accepted" + within + ", and may never run: zebu-producer status " + id);
    return 1;
  }

  Client& client_;
  const CommonOptions& common_;
  const SubmitOptions& options_;
  Interrupt& interrupt_;
  const Deadline deadline_;
  ServiceWatch watch_;
  Job<> job_;
  std::shared_ptr<JobProgress> shown_;  // shared with the client's thread, which may report progress at the end
  const TimePoint begin_ = Clock::now();
  bool is_accepted_ = false;
  bool is_named_ = false;
};

// Many equal jobs. The client's thread counts their outcomes.
class ManyJobs {
 public:
  ManyJobs(Client& client, const CommonOptions& common, const SubmitOptions& options, const JobRequest& request,
           Interrupt& interrupt)
      : client_(client),
        common_(common),
        options_(options),
        request_(request),
        interrupt_(interrupt),
        deadline_(options.timeout),
        watch_(client, common, options.queue, options.task, [](const std::string& text) { complain(text); }) {}

  int run() {
    while (ended() < options_.count) {
      submit_what_fits();
      wait_for_outcomes();
      if (interrupt_.is_raised()) interrupted();
      if (deadline_.is_over()) break;
      watch_.look();
    }
    interrupt_.release();
    Tally tally;
    std::uint64_t ended_in_time = 0;
    {
      const Lock lock(counted_->mutex);
      tally = counted_->tally;
      ended_in_time = counted_->ended;
    }
    print_tally(common_.output, tally, std::chrono::duration<double>(Clock::now() - begin_).count());
    if (ended_in_time < options_.count) {
      complain(unfinished(ended_in_time) + " within " + cli::duration_text(*options_.timeout) + ": " + what_becomes());
    }
    return tally.succeeded == options_.count ? 0 : 1;
  }

 private:
  struct Counted {
    Mutex mutex;
    std::condition_variable changed;
    Tally tally ZEBU_GUARDED_BY(mutex);
    std::uint64_t ended ZEBU_GUARDED_BY(mutex) = 0;
    bool is_full ZEBU_GUARDED_BY(mutex) = false;  // the client refused a job at its limit

    void add(const Result<Outcome>& outcome) {
      {
        const Lock lock(mutex);
        if (!outcome && outcome.error().code == ErrorCode::client_full) {
          is_full = true;
          return;
        }
        tally.add(outcome);
        ++ended;
      }
      changed.notify_one();
    }
  };

  [[nodiscard]] std::uint64_t ended() const {
    const Lock lock(counted_->mutex);
    return counted_->ended;
  }

  // A refusal at the client's limit comes within the call: that job is submitted again later.
  void submit_what_fits() {
    std::uint64_t room = 0;
    {
      const Lock lock(counted_->mutex);
      counted_->is_full = false;
      room = kInFlight - std::min<std::uint64_t>(submitted_ - counted_->ended, kInFlight);
    }
    for (; room > 0 && submitted_ < options_.count; --room) {
      client_.submit(request_, [counted = counted_](const Result<Outcome>& outcome) { counted->add(outcome); });
      const Lock lock(counted_->mutex);
      if (counted_->is_full) return;
      ++submitted_;
    }
  }

  // Until some jobs have ended and made room, but not long.
  void wait_for_outcomes() {
    const TimePoint until = Clock::now() + deadline_.pause();
    Lock lock(counted_->mutex);
    const std::uint64_t enough = std::min(submitted_, counted_->ended + 1);
    const auto is_there = [this, enough]() ZEBU_REQUIRES(counted_->mutex) { return counted_->ended >= enough; };
    counted_->changed.wait_until(lock.native(), until, is_there);
  }

  [[nodiscard]] std::string unfinished(std::uint64_t ended) const {
    return count_text(options_.count - ended) + " of " + counted(options_.count, "job") +
           (options_.count - ended == 1 ? " has" : " have") + " not ended";
  }

  // Of the jobs that have not ended.
  [[nodiscard]] std::string what_becomes() const {
    const std::uint64_t left = options_.count - submitted_;
    const std::string others = left > 0 ? count_text(left) + " were not submitted; " : "";
    if (request_.options.transient) return others + "those that were go on; transient jobs are not listed";
    return others + "those that were go on: zebu-producer list --queue " + options_.queue + " --task " + options_.task;
  }

  [[noreturn]] void interrupted() {
    complain("stopped: " + unfinished(ended()) + "; " + what_becomes());
    interrupt_.die();
  }

  Client& client_;
  const CommonOptions& common_;
  const SubmitOptions& options_;
  const JobRequest& request_;
  Interrupt& interrupt_;
  const Deadline deadline_;
  ServiceWatch watch_;
  const TimePoint begin_ = Clock::now();
  std::uint64_t submitted_ = 0;
  // shared_ptr: outcomes may still arrive after the end.
  const std::shared_ptr<Counted> counted_ = std::make_shared<Counted>();
};

}  // namespace

int submit_and_wait(Client& client, const CommonOptions& common, const SubmitOptions& options, JobRequest request,
                    Interrupt& interrupt) {
  return OneJob(client, common, options, std::move(request), interrupt).run();
}

int submit_many_and_wait(Client& client, const CommonOptions& common, const SubmitOptions& options,
                         const JobRequest& request, Interrupt& interrupt) {
  return ManyJobs(client, common, options, request, interrupt).run();
}

}  // namespace zebu::producer
