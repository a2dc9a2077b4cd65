#pragma once

#include "zebu/client_request.h"
#include "zebu/convert.h"

#include <chrono>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace zebu {

// How long a call may wait; nothing: for ever.
using Timeout = std::optional<std::chrono::milliseconds>;

namespace client_detail {
class Loop;
struct JobRecord;
}  // namespace client_detail

// What a job's outcome says as a value: the result's msgpack bytes, or job_failed with "type: message",
// job_cancelled, or job_expired.
[[nodiscard]] Result<std::string> result_of(const Result<Outcome>& outcome);

// A job that was submitted or is waited for. Copies are the same job. Any thread may use it, also after its Client is
// gone (what had not come by then is `closed`); dropping it changes nothing about the job.
//
// A wait whose timeout passes ends with timed_out and loses nothing: one may wait again.
class JobHandle {
 public:
  // Once accepted() says so: of another, earlier job when that one has its unique key. This handle then is that job's.
  [[nodiscard]] JobId id() const;
  // The broker has the job and answers for it. Errors: the codes of REFUSED, closed, timed_out.
  [[nodiscard]] Result<void> accepted(Timeout timeout = std::nullopt) const;
  // How the job ended; a failed job is a value here. Errors: as accepted(), and unknown_job.
  [[nodiscard]] Result<Outcome> outcome(Timeout timeout = std::nullopt) const;
  // The result's msgpack bytes. Errors: as outcome(), and job_failed, job_cancelled, job_expired.
  [[nodiscard]] Result<std::string> value(Timeout timeout = std::nullopt) const;
  // What its newest attempt said of itself so far, as far as it came here.
  [[nodiscard]] Progress progress() const;
  // Asks the broker to end the job; outcome() says `cancelled` once it has ended.
  void cancel() const;

 private:
  friend class Client;
  template <class R>
  friend class Job;
  explicit JobHandle(std::shared_ptr<client_detail::JobRecord> record) : record_(std::move(record)) {}

  // shared_ptr: the client's thread fills it in, whoever still looks.
  std::shared_ptr<client_detail::JobRecord> record_;
};

// A job whose result is an R. With void only success matters.
template <class R = void>
class Job : public JobHandle {
 public:
  // Errors: as JobHandle::value(), and bad_value when the result is no R.
  [[nodiscard]] Result<R> result(Timeout timeout = std::nullopt) const {
    const Result<std::string> bytes = value(timeout);
    if (!bytes) return tl::make_unexpected(bytes.error());
    if constexpr (std::is_void_v<R>) {
      return {};
    } else {
      return unpack_value<R>(*bytes);
    }
  }

 private:
  friend class Client;
  explicit Job(JobHandle handle) : JobHandle(std::move(handle)) {}
};

// How Client::map submits.
struct MapOptions {
  std::size_t window = 10'000;  // how many jobs are under way at most
  std::string queue{kDefaultQueue};
  JobOptions options = {};
  Timeout timeout = std::nullopt;  // of all jobs together; nothing: for ever
};

// The client for programs without an event loop of their own: runs a ClientSession in a thread of its own. All methods
// may be called by any thread at the same time, except by the callbacks that are said to run in the client's thread:
// these may submit, cancel and query nothing that waits, and must not throw.
//
// Reconnects by itself. What is submitted while the broker is away is kept in memory and goes out later, so a program
// that submits without end keeps a window (map does) or waits for accepted().
class Client {
 public:
  // Called in the client's thread.
  using OnOutcome = zebu::OnOutcome;
  using OnProgress = zebu::OnProgress;
  // index: of the request, from 0.
  using OnEach = std::function<void(std::size_t index, const Result<Outcome>& outcome)>;
  // The next request, nothing at the end.
  using NextRequest = std::function<std::optional<JobRequest>()>;

  // Starts to connect; the broker need not be there yet. Error `system`: the endpoint is not one.
  [[nodiscard]] static Result<std::unique_ptr<Client>> connect(ClientOptions options);
  // Says BYE. Handlers that still wait hear `closed`; the jobs themselves go on. What was said before leaves first, for
  // 1 s at most: who must know that a cancel was heard asks something after it, and waits for the answer.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Waits until the session with the broker is up. Errors: disconnected when the timeout passes, version or wrong_role
  // when this broker will never take us.
  [[nodiscard]] Result<void> wait_connected(Timeout timeout = std::nullopt) const;

  // client.submit<std::uint64_t>("fib", 35).result(): arguments and result are converted by their types.
  template <class R = void, class... Args>
  Job<R> submit(std::string task, const Args&... args) {
    JobRequest request;
    request.task = std::move(task);
    request.args = pack_args(args...);
    return submit<R>(std::move(request));
  }
  // The same with a queue and options.
  template <class R = void>
  Job<R> submit(JobRequest request) {
    return Job<R>(start(std::move(request)));
  }
  // For many jobs: no object a job, `outcome` is called once in the client's thread. An empty one waits for nothing.
  // `progress`, also in that thread, hears what the job says of itself meanwhile.
  JobId submit(JobRequest request, OnOutcome outcome, OnProgress progress = nullptr);
  // With an id of the caller's: a job that the broker has already is not run again, and is waited for.
  void submit(const JobId& id, JobRequest request, OnOutcome outcome, OnProgress progress = nullptr);
  // A job that somebody submitted.
  template <class R = void>
  Job<R> wait(const JobId& id) {
    return Job<R>(await(id));
  }
  // The same for a job that somebody submitted.
  void wait(const JobId& id, OnOutcome outcome, OnProgress progress = nullptr);
  void cancel(const JobId& id);

  // Submits what `next` returns, with at most `window` jobs under way, and hands each outcome to `each` in order of
  // completion. Returns when all have ended, or with timed_out when `timeout` passes first. Both run in the caller's
  // thread; what they throw ends map. The jobs under way then go on. A request that was refused comes to `each` as its
  // error.
  [[nodiscard]] Result<void> map(const NextRequest& next, const OnEach& each, std::size_t window,
                                 Timeout timeout = std::nullopt);
  // One job of one argument for each element of a range.
  template <class Range>
  [[nodiscard]] Result<void> map(const std::string& task, const Range& range, const OnEach& each,
                                 const MapOptions& options = {}) {
    auto at = std::begin(range);
    return map(
        [&]() -> std::optional<JobRequest> {
          if (at == std::end(range)) return std::nullopt;
          return JobRequest{task, pack_args(*at++), options.queue, options.options};
        },
        each, options.window, options.timeout);
  }

  // The answer to a query of docs/protocol.md: one msgpack value. Errors: disconnected, timed_out, closed.
  [[nodiscard]] Result<std::string> query(std::string what, Params params = {}, Timeout timeout = std::nullopt);
  // The answer to a command. Errors: as of a query, and what the broker refused it with.
  [[nodiscard]] Result<std::string> command(std::string what, Params params = {}, Timeout timeout = std::nullopt);

 private:
  explicit Client(std::shared_ptr<client_detail::Loop> loop);
  JobHandle start(JobRequest request);
  JobHandle await(const JobId& id);
  Result<std::string> ask(bool is_command, std::string what, Params params, Timeout timeout);

  // shared_ptr: a JobHandle looks at it, weakly, to cancel.
  std::shared_ptr<client_detail::Loop> loop_;
};

}  // namespace zebu
