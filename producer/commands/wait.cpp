#include "producer/commands/job_output.h"
#include "producer/commands/job_progress.h"
#include "producer/commands/subcommands.h"
#include "producer/connection/broker_connection.h"
#include "producer/text/complain.h"
#include "zebu/thread_annotations.h"

#include <condition_variable>
#include <deque>

namespace zebu::producer {
namespace {

// A queue of outcomes from the client's thread to the main thread, in order of arrival.
struct Arrivals {
  Mutex mutex;
  std::condition_variable changed;
  std::deque<std::pair<JobId, Result<Outcome>>> outcomes ZEBU_GUARDED_BY(mutex);

  void add(const JobId& id, const Result<Outcome>& outcome) {
    {
      const Lock lock(mutex);
      outcomes.emplace_back(id, outcome);
    }
    changed.notify_one();
  }

  // nullopt if the deadline passes first.
  std::optional<std::pair<JobId, Result<Outcome>>> next(std::optional<TimePoint> deadline) {
    Lock lock(mutex);
    const auto is_there = [this]() ZEBU_REQUIRES(mutex) { return !outcomes.empty(); };
    if (!deadline) changed.wait(lock.native(), is_there);
    if (deadline && !changed.wait_until(lock.native(), *deadline, is_there)) return std::nullopt;
    auto first = std::move(outcomes.front());
    outcomes.pop_front();
    return first;
  }
};

}  // namespace

int run(const CommonOptions& common, const WaitOptions& options) {
  const auto arrivals = std::make_shared<Arrivals>();  // shared_ptr: outcomes may still arrive after we return
  const auto client = connect(common);
  if (!client) return 1;
  std::optional<TimePoint> deadline;
  if (options.timeout) deadline = Clock::now() + *options.timeout;
  const bool is_only = options.ids.size() == 1;
  const auto shown = is_only && common.output == Output::text ? JobProgress::on_terminal() : nullptr;
  for (const JobId& id : options.ids) {
    client->wait(
        id, [arrivals, id](const Result<Outcome>& outcome) { arrivals->add(id, outcome); }, show_on(shown));
  }
  bool all_succeeded = true;
  for (std::size_t left = options.ids.size(); left > 0; --left) {
    const auto arrived = arrivals->next(deadline);
    if (shown) shown->finish();
    if (!arrived) {
      complain(std::to_string(left) + " of " + std::to_string(options.ids.size()) +
               (options.ids.size() == 1 ? " job" : " jobs") + (left == 1 ? " has" : " have") + " not ended in time; " +
               (left == 1 ? "it continues" : "they continue"));
      return 1;
    }
    const auto& [id, outcome] = *arrived;
    if (!print_outcome(common.output, id, is_only, outcome)) all_succeeded = false;
  }
  return all_succeeded ? 0 : 1;
}

}  // namespace zebu::producer
