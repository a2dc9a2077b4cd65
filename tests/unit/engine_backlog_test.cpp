#include "broker/engine/backlog/backlog.h"
#include "tests/support/catch.h"

namespace zebu::broker {
namespace {

StoredJob stored(std::uint64_t sequence, const std::string& task = "fib", const std::string& queue = "default") {
  JobSpec spec;
  spec.id = Uuid::make();
  spec.sequence = sequence;
  spec.task = task;
  spec.queue = queue;
  StoredJob job;
  job.spec = std::make_shared<const JobSpec>(spec);
  return job;
}

EngineOptions window_of(std::size_t jobs) {
  EngineOptions options;
  options.window = jobs;
  return options;
}

struct BacklogFixture {
  explicit BacklogFixture(std::size_t window) : backlog(jobs, batches, window_of(window)) {}

  // A job in memory and in line.
  Job& add(std::uint64_t sequence, const std::string& task = "fib") {
    Job& job = jobs.add(stored(sequence, task).spec);
    jobs.link(job);
    return job;
  }
  Line& line(const std::string& task = "fib") { return jobs.line(LineName{"default", task, ""}); }
  std::vector<Read> page() {
    std::vector<Read> reads;
    backlog.page(reads);
    return reads;
  }

  Batches batches;
  JobTable jobs{[this](Line& line) { backlog.hold(line, false); }};
  Backlog backlog;
};

}  // namespace

TEST_CASE("backlog: a line with more jobs than its window gives up the last ones, in order") {
  BacklogFixture f(3);
  for (std::uint64_t i = 1; i <= 5; ++i) f.add(i);
  std::vector<std::uint64_t> left;
  while (Job* job = f.backlog.surplus(f.line())) {
    left.push_back(job->spec->sequence);
    const LineKey key = line_key(*job->spec);
    f.backlog.left(f.line(), key);
    f.jobs.drop(*job);
  }
  CHECK(left == std::vector<std::uint64_t>{5, 4});
  CHECK(f.line().window.edge == LineKey{5, 4});
  CHECK(f.backlog.has_stored());
}

TEST_CASE("backlog: it asks for more when a window is half empty, from where the window ends") {
  BacklogFixture f(10);
  for (std::uint64_t i = 1; i <= 8; ++i) f.add(i);
  f.backlog.left(f.line(), {5, 9});
  CHECK(f.page().empty());
  for (int i = 0; i < 4; ++i) {
    f.jobs.drop(*f.line().jobs().begin());
    f.backlog.note(f.line());
  }
  const auto reads = f.page();
  REQUIRE(reads.size() == 1);
  const auto& asked = std::get<LoadQueued>(reads[0]);
  CHECK(asked.line == f.line().name());
  CHECK(asked.from == LineKey{5, 9});
  CHECK(asked.limit == 6);
  f.backlog.note(f.line());
  CHECK(f.page().empty());  // one load at a time
}

TEST_CASE("backlog: what a load could not see is loaded again") {
  BacklogFixture f(10);
  f.backlog.left(f.line(), {5, 4});
  const auto asked = std::get<LoadQueued>(f.page().at(0));
  f.backlog.left(f.line(), {5, 2});  // put back, and evicted, while the load is under way
  CHECK(f.backlog.loaded(QueuedLoaded{asked, {stored(4), stored(5)}}) == &f.line());
  CHECK(f.line().window.edge == LineKey{5, 2});
}

TEST_CASE("backlog: a full answer means that there is more behind it, a short one that there is not") {
  BacklogFixture f(2);
  f.backlog.left(f.line(), {5, 1});
  auto asked = std::get<LoadQueued>(f.page().at(0));
  CHECK(asked.limit == 2);
  static_cast<void>(f.backlog.loaded(QueuedLoaded{asked, {stored(1), stored(2)}}));
  CHECK(f.line().window.edge == LineKey{5, 3});
  asked = std::get<LoadQueued>(f.page().at(0));
  static_cast<void>(f.backlog.loaded(QueuedLoaded{asked, {stored(3)}}));
  CHECK_FALSE(f.line().window.edge);
  CHECK_FALSE(f.backlog.has_stored());
}

TEST_CASE("backlog: one line's window says nothing of another's") {
  BacklogFixture f(3);
  for (std::uint64_t i = 1; i <= 3; ++i) f.add(i, "unknown");
  f.backlog.left(f.line("unknown"), {5, 4});
  Job& behind = f.add(5, "fib");
  CHECK_FALSE(f.line("fib").window.is_beyond(line_key(*behind.spec)));
  CHECK(f.line("fib").next() == &behind);
}

TEST_CASE("backlog: held lines give their windows to those that run, where there are many") {
  BacklogFixture f(1000);
  for (int i = 0; i < 100; ++i) {
    Line& line = f.line("held " + std::to_string(i));
    f.backlog.hold(line, true);
  }
  for (std::uint64_t i = 1; i <= 1000; ++i) f.add(i, "fib");
  CHECK(f.backlog.surplus(f.line("fib")) == nullptr);
  f.backlog.hold(f.line("fib"), true);
  CHECK(f.backlog.surplus(f.line("fib")) != nullptr);
  f.backlog.hold(f.line("fib"), false);
  CHECK(f.backlog.surplus(f.line("fib")) == nullptr);
}

TEST_CASE("backlog: a job that just left memory is not taken from a read that was asked for before") {
  BacklogFixture f(10);
  Job& job = f.add(1);
  job.batch = f.batches.record();
  const JobId id = job.spec->id;
  f.backlog.job_left(job);
  CHECK(f.backlog.has_just_left(id));
  f.batches.settle(f.batches.seal());
  f.backlog.settled();
  CHECK_FALSE(f.backlog.has_just_left(id));
}

TEST_CASE("backlog: one read takes all lookups of a round, and each asker gets its answer") {
  BacklogFixture f(10);
  std::vector<Read> reads;
  const JobId first = Uuid::make();
  const JobId second = Uuid::make();
  f.backlog.look_up(first, WaitFor{1}, reads);
  f.backlog.look_up(first, CancelIt{}, reads);
  f.backlog.look_up(second, WaitFor{2}, reads);
  REQUIRE(reads.size() == 1);
  CHECK(std::get<Find>(reads[0]).ids == std::vector<JobId>{first, second});
  CHECK(f.backlog.take_lookups(first).size() == 2);
  CHECK(f.backlog.take_lookups(first).empty());
  CHECK(f.backlog.take_lookups(second).size() == 1);
}

TEST_CASE("backlog: after a restart the lines of the store are loaded, and so is the schedule") {
  BacklogFixture f(10);
  f.backlog.restore({{"default", "fib", ""}, {"default", "echo", ""}}, true);
  CHECK(f.page().size() == 3);
  CHECK(f.jobs.lines() == 2);
}

TEST_CASE("backlog: a sweep that is started anew while a look is under way goes back to where it must") {
  BacklogFixture f(10);
  f.backlog.sweep({WallTime(std::chrono::seconds(5)), 0});
  const auto asked = std::get<LoadScheduled>(f.page().at(0));
  CHECK(asked.to_purge);
  f.backlog.sweep({WallTime(std::chrono::seconds(2)), 0});
  CHECK_FALSE(f.backlog.swept(ScheduledLoaded{asked, {}}));
  CHECK(f.backlog.is_sweeping());
  CHECK(std::get<LoadScheduled>(f.page().at(0)).from.due == WallTime(std::chrono::seconds(2)));
}

// ── lines ───────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE(
    "a line hands out its first job unless the store has an earlier one; a transient job does not wait for that") {
  BacklogFixture f(10);
  Line& line = f.line();
  CHECK(line.is_idle());
  CHECK(line.next() == nullptr);
  Job& durable = f.add(5);
  CHECK(line.next() == &durable);
  line.window.leave({5, 3});
  CHECK(line.next() == nullptr);
  JobSpec spec = *stored(4).spec;
  spec.options.transient = true;
  Job& transient = f.jobs.add(std::make_shared<const JobSpec>(spec));
  f.jobs.link(transient);
  CHECK(line.next() == &transient);
  CHECK_FALSE(line.is_idle());
}

TEST_CASE("lines without jobs are forgotten, and those that changed are named once") {
  BacklogFixture f(10);
  Job& job = f.add(1);
  CHECK(f.jobs.take_touched() == &f.line());
  CHECK(f.jobs.take_touched() == nullptr);
  f.add(2);
  CHECK(f.jobs.take_touched() == nullptr);  // the first one is the same
  f.jobs.drop(job);
  CHECK(f.jobs.take_touched() == &f.line());
  f.jobs.drop(*f.line().jobs().begin());
  f.jobs.release_idle_lines();
  CHECK(f.jobs.lines() == 1);  // it had jobs since the last time
  f.jobs.release_idle_lines();
  CHECK(f.jobs.lines() == 0);
  CHECK(f.jobs.take_touched() == nullptr);
}

}  // namespace zebu::broker
