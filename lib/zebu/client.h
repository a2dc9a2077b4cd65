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

// How long a call may wait; unset: no limit.
using Timeout = std::optional<std::chrono::milliseconds>;

namespace client_detail {
class Loop;
struct JobRecord;
}  // namespace client_detail

// An outcome as a Result: the result's msgpack bytes, or the error job_failed with "type: message", job_cancelled, or
// job_expired.
[[nodiscard]] Result<std::string> result_of(const Result<Outcome>& outcome);

// A job that was submitted or is waited for. Copies refer to the same job. Thread-safe. A handle may outlive its
// Client; an outcome that had not arrived by then is the error `closed`. Destroying a handle does not affect the job.
//
// A wait whose timeout passes returns timed_out. Nothing is lost, and the call may be repeated.
class JobHandle {
 public:
  // The job's id. If an earlier job holds the unique key, the handle refers to that job, with its id, once accepted()
  // has returned.
  [[nodiscard]] JobId id() const;
  // Waits until the broker has accepted the job. Errors: the codes of REFUSED, client_full, closed, timed_out.
  [[nodiscard]] Result<void> accepted(Timeout timeout = std::nullopt) const;
  // Waits for the job's outcome. A failed job is a value here, not an error. Errors: as accepted(), and unknown_job.
  [[nodiscard]] Result<Outcome> outcome(Timeout timeout = std::nullopt) const;
  // Waits for the result's msgpack bytes. Errors: as outcome(), and job_failed, job_cancelled, job_expired.
  [[nodiscard]] Result<std::string> value(Timeout timeout = std::nullopt) const;
  // The progress of the newest attempt, as far as it has arrived.
  [[nodiscard]] Progress progress() const;
  // Asks the broker to end the job. outcome() reports `cancelled` once it has ended.
  void cancel() const;

 private:
  friend class Client;
  template <class R>
  friend class Job;
  explicit JobHandle(std::shared_ptr<client_detail::JobRecord> record) : record_(std::move(record)) {}

  // shared_ptr: the client's thread writes to it, even after all handles are gone.
  std::shared_ptr<client_detail::JobRecord> record_;
};

// A job whose result has type R. With void the result is ignored.
template <class R = void>
class Job : public JobHandle {
 public:
  // Waits for the result. Errors: as JobHandle::value(), and bad_value if the result is not an R.
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

// Options of Client::map over a range.
struct MapOptions {
  std::size_t window = 10'000;  // most jobs in flight
  std::string queue{kDefaultQueue};
  JobOptions options = {};
  Timeout timeout = std::nullopt;  // for all jobs together; unset: no limit
};

// The client for programs without an event loop: runs a ClientSession in its own thread. Thread-safe. Callbacks that
// run in the client's thread may call submit, wait and cancel. They must not throw, and must not call a function that
// blocks: query, command, map, wait_connected, a JobHandle's accepted, outcome, value and result, or ~Client.
//
// Reconnects by itself. Jobs that are submitted while the broker is away are kept in memory and sent later, up to the
// limits of ClientOptions. Beyond them submit refuses the job (client_full) or waits, as ClientOptions::when_full says.
// In the client's own thread it never waits. A refusal at the limit, or after the client was closed, is told at once in
// the calling thread: by the handle, or by a call of `outcome`. map always waits, within its timeout.
class Client {
 public:
  // These run in the client's thread; an OnOutcome that is told of a refusal may run in the caller's (see above).
  using OnOutcome = zebu::OnOutcome;
  using OnProgress = zebu::OnProgress;
  // index: the request's position, from 0.
  using OnEach = std::function<void(std::size_t index, const Result<Outcome>& outcome)>;
  // Returns the next request, or nullopt at the end.
  using NextRequest = std::function<std::optional<JobRequest>()>;

  // Starts connecting in the background, and keeps trying. Error `system` only if the endpoint is malformed: an
  // unreachable broker is not an error.
  [[nodiscard]] static Result<std::unique_ptr<Client>> connect(ClientOptions options);
  // Ends the session. Callbacks that still wait get `closed`; the jobs continue. Earlier messages are sent first, for
  // at most 1 s. To be sure that the broker has received a cancel, make a query after it and wait for the answer.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Waits until the session with the broker is up. Errors: disconnected if the timeout passes; version or wrong_role if
  // the broker refuses this client for good.
  [[nodiscard]] Result<void> wait_connected(Timeout timeout = std::nullopt) const;

  // client.submit<std::uint64_t>("fib", 35).result(): arguments and result are converted by their types. Keyword
  // arguments follow: client.submit("thumbnail", "a.png", zebu::kw("size", 64)).
  template <class R = void, class... Args>
  Job<R> submit(std::string task, const Args&... args) {
    JobRequest request;
    request.task = std::move(task);
    request.args = pack_positional(args...);
    request.kwargs = pack_kwargs(args...);
    return submit<R>(std::move(request));
  }
  // As above, with a queue and options.
  template <class R = void>
  Job<R> submit(JobRequest request) {
    return Job<R>(start(std::move(request)));
  }
  // For many jobs: without a handle per job. `outcome` is called once; if it is empty, the outcome is not waited for,
  // and nobody is told of a refusal. `progress` is called with each progress report.
  JobId submit(JobRequest request, OnOutcome outcome, OnProgress progress = nullptr);
  // As above, with the caller's own id. A job that the broker already has does not run again, but is waited for.
  void submit(const JobId& id, JobRequest request, OnOutcome outcome, OnProgress progress = nullptr);
  // Waits for a job that was submitted before, here or elsewhere.
  template <class R = void>
  Job<R> wait(const JobId& id) {
    return Job<R>(await(id));
  }
  // As above, with callbacks instead of a handle.
  void wait(const JobId& id, OnOutcome outcome, OnProgress progress = nullptr);
  // Asks the broker to end the job.
  void cancel(const JobId& id);

  // Submits the requests that `next` returns, at most `window` at a time, and passes each outcome to `each` in order of
  // completion. A refused request is passed as an error. Returns when all jobs have ended, or timed_out if `timeout`
  // passes first. `next` and `each` run in the caller's thread; an exception from them ends map. Jobs in flight
  // continue after a timeout or an exception.
  [[nodiscard]] Result<void> map(const NextRequest& next, const OnEach& each, std::size_t window,
                                 Timeout timeout = std::nullopt);
  // As above, with a job for each element of a range; the element is the job's only argument.
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

  // Waits for the answer to a query of docs/protocol.md: one msgpack value. Errors: disconnected, timed_out, closed,
  // and the broker's code if it refused the query.
  [[nodiscard]] Result<std::string> query(std::string what, Params params = {}, Timeout timeout = std::nullopt);
  // Waits for the answer to a command. Errors: as for a query. A long command reports how far it has come about once
  // a second: the calling thread passes that to `progress`, and the timeout starts anew.
  using OnNews = std::function<void(const std::string&)>;
  [[nodiscard]] Result<std::string> command(std::string what, Params params = {}, Timeout timeout = std::nullopt,
                                            const OnNews& progress = {});

 private:
  explicit Client(std::shared_ptr<client_detail::Loop> loop);
  JobHandle start(JobRequest request);
  JobHandle await(const JobId& id);
  Result<std::string> ask(bool is_command, std::string what, Params params, Timeout timeout, const OnNews& progress);

  // shared_ptr: each JobHandle has a weak reference to it, for cancel().
  std::shared_ptr<client_detail::Loop> loop_;
};

}  // namespace zebu
