#include "broker/server/server.h"
#include "zebu/program/log.h"

// What the broker does about once a second, also when nobody asks for anything.
namespace zebu::broker {
namespace {

// A commit or a read that takes longer than this shows that the store's thread will not come back: a disk that hangs,
// or a bug. Then the watchdog hears nothing more.
constexpr std::chrono::minutes kStuck{2};

}  // namespace

void Server::pulse(Notifier& notifier, TimePoint now) {
  if (next_pulse_ != TimePoint()) loop_counts_.lag.observe(now - next_pulse_);
  next_pulse_ = now + notifier.pace();
  journal_.tick(now);
  tick_log();
  report_metrics(now);
  if (!notifier.is_heard()) return;
  const JobTable& jobs = engine_.jobs();
  const std::size_t consumers = engine_.consumers().size();
  const bool is_stuck = store_.is_busy() && now - commit_began_ > kStuck;
  notifier.tell(
      fmt::format("{} running, {} queued, {} scheduled; {} consumers, {} clients{}", jobs.count(JobState::running),
                  jobs.count(JobState::queued), jobs.count(JobState::scheduled), consumers,
                  engine_.sessions().size() - consumers, is_stuck ? "; the store does not answer" : ""),
      !is_stuck);
}

void Server::report_metrics(TimePoint now) {
  if (metrics_ == nullptr) return;
  facts_.held_bytes = held_.bytes();
  metrics_->renew(now, [&] { return metrics_text(engine_, facts_, loop_counts_, clock_.now()); });
}

}  // namespace zebu::broker
