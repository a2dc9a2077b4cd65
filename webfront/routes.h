#pragma once

#include "http/message.h"
#include "http/router.h"
#include "webfront/gateway.h"
#include "webfront/options.h"

#include <vector>

namespace zebu::webfront {

// What the front end serves: docs/http-api.md. A handler is a function of the request.
class Routes {
 public:
  using Answer = boost::asio::awaitable<Response>;

  Routes(Gateway& gateway, const Options& options);

  // The handler that a request gets. One that waits may take long: what was answered before it leaves first.
  struct Choice {
    Answer (Routes::*handler)(const Request&) = nullptr;
    bool waits = false;
    Response instead;  // without a handler: 404, 405, or the answer to OPTIONS
  };
  // Sets the request's parameter.
  [[nodiscard]] Choice choose(Request& request) const;

 private:
  void add(Method method, std::string_view path, Answer (Routes::*handler)(const Request&), bool waits);

  Answer fast(const Request& request);
  Answer fib(const Request& request);
  Answer slow(const Request& request);
  Answer submit_job(const Request& request);
  Answer show_job(const Request& request);
  Answer list_queues(const Request& request);
  Answer list_consumers(const Request& request);
  Answer health(const Request& request);
  Answer readiness(const Request& request);
  Answer description(const Request& request);

  Answer list(std::string what, Interrupt& interrupt);
  // The job's resource, once more after it has ended if `wait` is given and it has not ended yet.
  Answer job_resource(JobId id, std::optional<std::chrono::milliseconds> wait, Interrupt& interrupt);
  // Nothing when the broker does not say so soon.
  boost::asio::awaitable<std::optional<JobState>> state_now(JobId id, Interrupt& interrupt);
  [[nodiscard]] std::chrono::seconds cut(std::chrono::seconds wanted) const;

  struct Entry {
    Answer (Routes::*handler)(const Request&);
    bool waits;
  };

  Gateway& gateway_;
  std::chrono::seconds max_wait_;
  Router router_;
  std::vector<Entry> entries_;
};

}  // namespace zebu::webfront
