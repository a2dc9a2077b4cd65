#include "tests/support/store_fixture.h"

#include "broker/store/memory/store.h"
#include "broker/store/sqlite/rows.h"
#include "broker/store/sqlite/store.h"
#include "tests/support/samples.h"

#include <algorithm>
#include <sstream>

namespace zebu::test {
namespace {

using namespace zebu::broker;

template <class T>
T expect(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

std::string text_of(const Outcome& outcome) {
  std::ostringstream text;
  text << to_string(outcome.state) << ' ' << to_hex(outcome.result) << ' ' << outcome.error.type << ' '
       << outcome.error.message << ' ' << to_string(outcome.error.kind) << ' ' << outcome.ran.count();
  for (const std::string& line : outcome.error.trace) text << ' ' << line;
  if (const auto after = outcome.error.retry_after()) text << " after " << after->count();
  for (const TaskError* cause = outcome.error.cause(); cause != nullptr; cause = cause->cause()) {
    text << " caused by " << cause->type << ' ' << cause->message;
  }
  return text.str();
}

std::string text_of(const LastAttempt& last, const AttemptLog& earlier) {
  std::ostringstream text;
  if (last.consumer) text << " last " << *last.consumer << ' ' << last.started.time_since_epoch().count();
  if (!earlier) return text.str();
  for (const AttemptRecord& each : *earlier) {
    text << " attempt " << each.attempt << ' ' << to_string(each.end) << ' ' << each.started.time_since_epoch().count()
         << ' ' << each.ended.time_since_epoch().count() << ' ' << each.ran.count() << ' ' << each.consumer << ' '
         << each.type << ' ' << each.message;
  }
  return text.str();
}

}  // namespace

StoreUnderTest::StoreUnderTest(StoreKind kind) : kind_(kind) {
  open();
  (void)expect(store_->recover());
}
StoreUnderTest::~StoreUnderTest() = default;

void StoreUnderTest::open() {
  if (kind_ == StoreKind::memory && !store_) store_ = std::make_unique<MemoryStore>();
  if (kind_ == StoreKind::sqlite) {
    store_.reset();
    SqliteOptions options;
    options.path = dir_.path() / "zebu.db";
    store_ = expect(SqliteStore::open(options));
  }
}

std::vector<Duplicate> StoreUnderTest::commit(const std::vector<Record>& records) {
  return expect(store_->commit(records));
}

Recovered StoreUnderTest::reopen() {
  open();
  return expect(store_->recover());
}

std::optional<StoredJob> StoreUnderTest::find(const JobId& id) { return expect(store_->find({id})).at(0); }

std::vector<JobId> StoreUnderTest::queued(const std::string& queue) {
  std::vector<JobId> ids;
  for (const StoredJob& job : expect(store_->load_queued({queue, "fib", ""}, {}, 1000, 1U << 30)))
    ids.push_back(job.spec->id);
  return ids;
}

JobSpec job(std::uint64_t sequence) {
  JobSpec spec;
  spec.id = Uuid::make();
  spec.sequence = sequence;
  spec.task = "fib";
  spec.queue = "default";
  spec.args = "\x91\x1e";
  spec.submitted = at_second(1000);
  return spec;
}

SharedSpec shared(JobSpec spec) { return std::make_shared<const JobSpec>(std::move(spec)); }

SharedOutcome succeeded(std::string result) {
  return std::make_shared<const Outcome>(
      Outcome{JobState::succeeded, std::move(result), {}, std::chrono::microseconds(7)});
}

SharedOutcome failed(std::string message) {
  Outcome outcome{JobState::failed, {}, {}, std::chrono::microseconds(9)};
  outcome.error = {"std::runtime_error", std::move(message), {"here", "there"}, ErrorKind::permanent};
  return std::make_shared<const Outcome>(std::move(outcome));
}

SharedOutcome cancelled() {
  return std::make_shared<const Outcome>(Outcome{JobState::cancelled, {}, {}, std::chrono::microseconds(0)});
}

JobFinished finished(const SharedSpec& spec, SharedOutcome outcome) {
  return {spec, Uses{1, 0, 0, 0}, std::move(outcome), at_second(2000), at_second(3000)};
}

std::string describe(const StoredJob& job) {
  std::ostringstream text;
  text << job.spec->id.to_string() << ' ' << job.spec->sequence << ' ' << to_string(job.state) << " attempt "
       << job.uses.attempt << " failures " << job.uses.failures << " crashes " << job.uses.crashes << " losses "
       << job.uses.losses << " holder " << (job.holder ? job.holder->to_string() : "none")
       << (job.cancel_asked ? " to be cancelled" : "") << " due " << job.due.time_since_epoch().count() << " finished "
       << job.finished.time_since_epoch().count() << " spec " << to_hex(encode_job(*job.spec)) << " outcome "
       << (job.outcome ? text_of(*job.outcome) : "none") << text_of(job.last, job.earlier);
  return text.str();
}

std::vector<std::string> describe(const std::vector<StoredJob>& jobs) {
  std::vector<std::string> texts;
  for (const StoredJob& one : jobs) texts.push_back(describe(one));
  return texts;
}

// In an order of its own: a store may give them in any.
std::string describe(const Recovered& recovered) {
  std::vector<std::string> lines = describe(recovered.jobs);
  for (const StoredQueue& queue : recovered.queues) {
    lines.push_back("queue " + queue.name + ' ' + std::to_string(queue.queued) + ' ' + std::to_string(queue.scheduled) +
                    ' ' + std::to_string(queue.bytes) + ' ' + std::to_string(queue.failed));
  }
  for (const QueueSettings& queue : recovered.settings) {
    lines.push_back("settings " + queue.name + (queue.is_paused ? " paused " : " ") + queue.reason + ' ' +
                    (queue.purge_up_to ? std::to_string(*queue.purge_up_to) : "none") +
                    (queue.paused_by ? " by " + queue.paused_by->name : ""));
  }
  for (const LineName& line : recovered.lines) {
    lines.push_back("line " + line.queue + ' ' + line.task + ' ' + line.key);
  }
  for (const KnownConsumer& known : recovered.consumers) {
    lines.push_back("consumer " + known.instance.to_string() + (known.is_late ? " late" : ""));
  }
  std::sort(lines.begin(), lines.end());
  std::string text = "next " + std::to_string(recovered.next_sequence) + " counts";
  for (const std::uint64_t count : recovered.counts) text += ' ' + std::to_string(count);
  for (const std::string& line : lines) text += '\n' + line;
  return text;
}

}  // namespace zebu::test
