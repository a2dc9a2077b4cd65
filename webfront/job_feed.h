#pragma once

#include "webfront/gateway.h"
#include "zebu/awaitable.h"
#include "zebu/job.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>

namespace zebu::webfront {

// What happens to one job, for one coroutine that takes it when it can. Reports that come meanwhile become one, and
// what there is no room for is not gathered: the coroutine is told to ask the broker, which keeps the newest.
//
// One thread, the loop's. The gateway and the interrupt outlive it.
class JobFeed {
 public:
  // Whether so many bytes may be kept until the coroutine takes them.
  using MayKeep = std::function<bool(std::size_t)>;

  // Waits for the job from now on. known: what the broker said of it last.
  JobFeed(Gateway& gateway, const JobId& id, const json::JobGlance& known, MayKeep may_keep, Interrupt& interrupt);
  ~JobFeed();
  JobFeed(const JobFeed&) = delete;
  JobFeed& operator=(const JobFeed&) = delete;

  // All that has come. What is not set has not.
  struct News {
    bool is_away = false;     // the broker is: nothing else is known
    bool needs_look = false;  // something was missed: ask the broker, which says all up to now
    std::optional<json::JobGlance> state = {};
    struct Report {
      std::uint32_t attempt;
      Progress progress;
    };
    std::optional<Report> report = {};
    std::optional<Result<Outcome>> outcome = {};  // the end of the job, or why it cannot be known
    bool is_too_large = false;                    // the job has ended, and there was no room for its outcome
  };
  // Waits until there is something, the deadline has passed or the interrupt is raised; then there may be nothing.
  [[nodiscard]] boost::asio::awaitable<News> next(TimePoint deadline);
  // The broker has been asked, and this is what it said.
  void note(const json::JobGlance& known);

  // The broker is to be asked again.
  void look_again();

  // From the gateway: the broker is there again, or is not.
  void changed(bool is_up);

  // As long as one of these exists, the coroutine writes to its reader.
  class Busy {
   public:
    explicit Busy(JobFeed& feed) : feed_(feed) { feed_.is_busy_ = true; }
    ~Busy() { feed_.is_busy_ = false; }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    JobFeed& feed_;
  };

 private:
  [[nodiscard]] bool has_news() const;
  void take_progress(std::uint32_t attempt, const Progress& progress);
  void take_outcome(const Result<Outcome>& outcome);

  Gateway& gateway_;
  MayKeep may_keep_;
  Pause pause_;
  News news_;
  bool is_busy_ = false;
  std::optional<ClientSession::Ticket> ticket_;
  std::uint64_t watch_;
  std::list<JobFeed*>::iterator place_;
};

}  // namespace zebu::webfront
