#include "consumer/dispatcher.h"

#include "consumer/slots/thread_slot.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <set>
#include <thread>

namespace zebu::consumer {

using namespace std::chrono_literals;

namespace {

// A dispatcher with thread slots, whose loop turns while a test waits. The task "hold" runs until it is let go.
struct Yard {
  explicit Yard(std::size_t slots)
      : dispatcher(loop, slots, [this](const SlotEvents& events) { return std::make_unique<ThreadSlot>(loop, events); },
                   {[this](std::vector<Finished> f) {
                      for (auto& one : f) finished.push_back(std::move(one));
                    },
                    [this](const std::vector<AttemptId>& ids) { back.insert(ids.begin(), ids.end()); },
                    [this](ProgressUpdate each) { updates.push_back(std::move(each)); }, [] {}}) {
    registry.add("echo", [](RawValue value) { return value; });
    registry.add("hold", [this](Context& context) {
      ++holding;
      while (!is_released && context.wait_for(1ms)) continue;
      context.throw_if_cancelled();
    });
    registry.add("deaf", [this](Context& context) {
      ++holding;
      context.progress(0.5);
      while (!is_released) std::this_thread::yield();
    });
  }
  ~Yard() { is_released = true; }

  AttemptId add(const std::string& task, TimeLimits limits = {}) {
    const AttemptId id{Uuid::make(), 1};
    const std::string args = task == "echo" ? pack_args(1) : pack_args();
    dispatcher.add({id, registry.find(task), "default", args, limits, {}});
    return id;
  }
  // From now on slots get their next job while they run one.
  void teach_short_jobs() {
    for (int i = 0; i < 100; ++i) add("echo");
    dispatcher.dispatch();
    if (!turn_until([&] { return dispatcher.held() == 0; })) FAIL("short jobs do not end");
    finished.clear();
  }
  template <class Condition>
  bool turn_until(Condition&& condition) {
    return test::eventually([&] {
      loop.restart();
      loop.poll();
      return condition();
    });
  }

  boost::asio::io_context loop;
  Registry registry;
  std::atomic<bool> is_released = false;
  std::atomic<int> holding = 0;
  std::vector<Finished> finished;
  std::set<AttemptId> back;
  std::vector<ProgressUpdate> updates;
  Dispatcher dispatcher;
};

}  // namespace

TEST_CASE("every job that is added ends once, whatever the number of slots") {
  Yard yard(3);
  std::set<AttemptId> added;
  for (int i = 0; i < 20'000; ++i) added.insert(yard.add("echo"));
  yard.dispatcher.dispatch();
  REQUIRE(yard.turn_until([&] { return yard.finished.size() + yard.back.size() >= added.size(); }));
  std::set<AttemptId> seen = yard.back;
  for (const Finished& f : yard.finished) {
    CHECK(f.outcome.state == JobState::succeeded);
    seen.insert(f.id);
  }
  CHECK(seen == added);
  CHECK(yard.finished.size() + yard.back.size() == added.size());
  CHECK(yard.dispatcher.held() == 0);
}

TEST_CASE("jobs that wait behind long ones go back to the broker, and the running ones stay") {
  Yard yard(2);
  for (int i = 0; i < 10; ++i) yard.add("hold");
  yard.dispatcher.dispatch();
  REQUIRE(yard.turn_until([&] { return yard.back.size() == 8; }));
  CHECK(yard.dispatcher.held() == 2);
  CHECK(yard.holding == 2);
  CHECK(yard.dispatcher.wanted() == 2);
}

TEST_CASE("jobs that lie in a slot behind a long one run in another slot") {
  Yard yard(2);
  for (int i = 0; i < 2000; ++i) yard.add("echo");  // the pace becomes that of short jobs
  yard.dispatcher.dispatch();
  REQUIRE(yard.turn_until([&] { return yard.dispatcher.held() == 0; }));
  yard.add("hold");
  for (int i = 0; i < 400; ++i) yard.add("echo");
  yard.dispatcher.dispatch();
  REQUIRE(yard.turn_until([&] { return yard.finished.size() + yard.back.size() == 2400; }));
  CHECK(yard.dispatcher.held() == 1);
  CHECK(yard.holding == 1);
}

TEST_CASE("stopping cancels a waiting job at once, and a running one when it heeds its token") {
  Yard yard(1);
  const AttemptId running = yard.add("hold");
  yard.dispatcher.dispatch();
  REQUIRE(yard.turn_until([&] { return yard.holding == 1; }));
  const AttemptId waiting = yard.add("hold");
  yard.dispatcher.stop({waiting});
  REQUIRE(yard.finished.size() == 1);
  CHECK(yard.finished[0].id == waiting);
  CHECK(yard.finished[0].outcome.state == JobState::cancelled);
  yard.dispatcher.stop({running});
  REQUIRE(yard.turn_until([&] { return yard.finished.size() == 2; }));
  CHECK(yard.finished[1].outcome.state == JobState::cancelled);
  CHECK(yard.holding == 1);
}

TEST_CASE("draining gives back the jobs that have not started and lets the others end") {
  Yard yard(2);
  for (int i = 0; i < 5; ++i) yard.add("hold");
  yard.dispatcher.dispatch();
  REQUIRE(yard.turn_until([&] { return yard.holding == 2; }));
  yard.dispatcher.drain();
  CHECK(yard.back.size() == 3);
  yard.add("hold");
  CHECK(yard.back.size() == 4);
  CHECK(yard.dispatcher.wanted() == 0);
  yard.is_released = true;
  REQUIRE(yard.turn_until([&] { return yard.finished.size() == 2; }));
  CHECK(yard.dispatcher.held() == 0);
}

TEST_CASE("all attempts are listed: waiting, running, and ended but not collected") {
  Yard yard(1);
  for (int i = 0; i < 3; ++i) yard.add("hold");
  yard.dispatcher.dispatch();
  REQUIRE(test::eventually([&] { return yard.holding == 1; }));
  yard.is_released = true;
  std::vector<AttemptId> listed;
  yard.dispatcher.list(listed);
  CHECK(listed.size() == 3);
}

TEST_CASE("the limits of a job that waits in a slot count from its start") {
  Yard yard(1);
  for (int i = 0; i < 500; ++i) yard.add("echo");  // so that several lie in the slot
  yard.dispatcher.dispatch();
  REQUIRE(yard.turn_until([&] { return yard.dispatcher.held() == 0; }));
  yard.finished.clear();
  const AttemptId first = yard.add("hold", {80ms, {}});
  const AttemptId second = yard.add("hold", {80ms, {}});
  yard.dispatcher.dispatch();
  REQUIRE(yard.turn_until([&] { return yard.finished.size() + yard.back.size() == 2; }));
  CHECK(yard.finished[0].id == first);
  for (const Finished& ended : yard.finished) {
    CHECK(ended.outcome.error.type == "zebu::SoftLimit");
    CHECK(ended.outcome.ran >= 80ms);
  }
  CHECK((yard.finished.size() == 2 || yard.back.count(second) == 1));
}

TEST_CASE("limits that are not reached are removed with their jobs") {
  Yard yard(2);
  for (int i = 0; i < 2000; ++i) yard.add("echo", {20ms, 40ms});
  yard.dispatcher.dispatch();
  REQUIRE(yard.turn_until([&] { return yard.finished.size() + yard.back.size() == 2000; }));
  const AttemptId longer = yard.add("hold");
  yard.dispatcher.dispatch();
  const auto end = Clock::now() + 60ms;
  REQUIRE(yard.turn_until([&] { return Clock::now() > end; }));
  yard.is_released = true;
  REQUIRE(yard.turn_until([&] { return yard.dispatcher.held() == 0; }));
  CHECK(yard.finished.back().id == longer);
  for (const Finished& ended : yard.finished) CHECK(ended.outcome.state == JobState::succeeded);
}

TEST_CASE("a thread past a hard limit is unusable until its task returns, and the jobs behind it go elsewhere") {
  Yard yard(1);
  const AttemptId overdue = yard.add("deaf", {{}, 50ms});
  yard.dispatcher.dispatch();
  REQUIRE(yard.turn_until([&] { return yard.finished.size() == 1; }));
  CHECK(yard.finished[0].id == overdue);
  CHECK(yard.finished[0].outcome.error.type == "zebu::HardLimit");
  CHECK(yard.finished[0].outcome.error.kind == ErrorKind::failure);
  CHECK(yard.dispatcher.held() == 0);
  CHECK(yard.dispatcher.wanted() == 0);
  CHECK_FALSE(yard.dispatcher.is_idle());
  std::vector<AttemptId> listed;
  yard.dispatcher.list(listed);
  CHECK(listed.empty());

  const AttemptId next = yard.add("echo");
  yard.dispatcher.dispatch();
  REQUIRE(yard.turn_until([&] { return !yard.back.empty(); }));
  CHECK(yard.back.count(next) == 1);
  yard.is_released = true;
  REQUIRE(yard.turn_until([&] { return yard.dispatcher.is_idle(); }));
  CHECK(yard.finished.size() == 1);
  CHECK(yard.dispatcher.wanted() == 1);
  yard.add("echo");
  yard.dispatcher.dispatch();
  CHECK(yard.turn_until([&] { return yard.finished.size() == 2; }));
}

TEST_CASE("a running task's progress arrives before its end") {
  Yard yard(1);
  const AttemptId id = yard.add("deaf");
  yard.dispatcher.dispatch();
  REQUIRE(yard.turn_until([&] { return !yard.updates.empty(); }));
  CHECK(yard.updates[0].id == id);
  CHECK(yard.updates[0].progress.done == 0.5);
  CHECK(yard.finished.empty());
}

TEST_CASE("a free slot gets the next job before one that runs another") {
  Yard yard(2);
  yard.teach_short_jobs();
  yard.add("hold");
  yard.dispatcher.dispatch();
  REQUIRE(yard.turn_until([&] { return yard.holding == 1; }));
  yard.add("hold");
  yard.dispatcher.dispatch();
  CHECK(yard.turn_until([&] { return yard.holding == 2; }));
}

TEST_CASE("jobs are asked for one by one, and several at a time where they are short") {
  Yard yard(3);
  CHECK(yard.dispatcher.wanted() == 3);
  CHECK(yard.dispatcher.min_credit() == 1);
  yard.teach_short_jobs();
  CHECK(yard.dispatcher.wanted() > 3);  // how many depends on how long they took
  CHECK(yard.dispatcher.min_credit() == 3);
}

namespace {

// A slot that runs nothing by itself: the test says when a job ends, and whether a recall is answered.
class ManualSlot final : public Slot {
 public:
  explicit ManualSlot(const SlotEvents& events) : events_(events) {}

  bool is_alive() const override { return true; }
  std::size_t room() const override { return 100; }
  std::size_t load() const override { return jobs_.size(); }
  void give(std::vector<Job> jobs) override {
    for (Job& job : jobs) jobs_.push_back(std::move(job));
  }
  void recall() override {
    recalls.push_back(Clock::now());
    if (!answers_recall || jobs_.empty()) return;
    std::vector<Job> waiting(std::next(jobs_.begin()), jobs_.end());
    jobs_.resize(1);
    events_.returned(*this, std::move(waiting));
  }
  void stop(const AttemptId&) override {}
  void abandon() override { jobs_.clear(); }
  void list(std::vector<AttemptId>& into) const override {
    for (const Job& job : jobs_) into.push_back(job.id);
  }

  void end_first() {
    const AttemptId id = jobs_.front().id;
    jobs_.erase(jobs_.begin());
    events_.finished(*this, {{id, {JobState::succeeded, "\x01", {}, {}}}});
  }

  // The answer to a recall when all jobs have begun.
  void return_none() { events_.returned(*this, {}); }
  [[nodiscard]] const Job& last() const { return jobs_.back(); }

  std::vector<TimePoint> recalls;
  bool answers_recall = true;

 private:
  const SlotEvents& events_;
  std::vector<Job> jobs_;
};

// Two manual slots. The first one has two jobs, the second one runs one.
struct ManualYard {
  ManualYard()
      : dispatcher(loop, 2,
                   [this](const SlotEvents& events) {
                     auto slot = std::make_unique<ManualSlot>(events);
                     slots.push_back(slot.get());
                     return slot;
                   },
                   {[](const std::vector<Finished>&) {},
                    [this](const std::vector<AttemptId>& ids) { back.insert(ids.begin(), ids.end()); },
                    [](const ProgressUpdate&) {}, [] {}}) {
    registry.add("echo", [](RawValue value) { return value; });
    for (int i = 0; i < 2; ++i) dispatcher.add(make_job());
    dispatcher.dispatch();
    slots[0]->give({make_job()});
  }
  Job make_job() { return {{Uuid::make(), 1}, registry.find("echo"), "default", "\x90", {}, {}}; }

  boost::asio::io_context loop;
  Registry registry;
  std::vector<ManualSlot*> slots;
  std::set<AttemptId> back;
  Dispatcher dispatcher;
};

}  // namespace

TEST_CASE("a job that waits in a slot behind a long one moves to a slot that becomes free") {
  ManualYard yard;
  yard.slots[1]->end_first();
  // Several timers may have expired on a busy machine, but the first one to be handled is that of the free slot.
  yard.loop.run_one();
  CHECK(yard.slots[0]->recalls.size() == 1);
  yard.dispatcher.dispatch();
  CHECK(yard.slots[0]->load() == 1);
  CHECK(yard.slots[1]->load() == 1);
  CHECK(yard.back.empty());
}

TEST_CASE("jobs in a slot are recalled less and less often while no slot begins one") {
  ManualYard yard;
  yard.slots[0]->answers_recall = false;
  const auto start = Clock::now();
  yard.slots[1]->end_first();
  const std::vector<TimePoint>& recalls = yard.slots[0]->recalls;
  REQUIRE(test::eventually([&] {
    yard.loop.restart();
    yard.loop.poll();
    return recalls.size() >= 4;
  }));
  CHECK(recalls[3] - start >= 30ms);  // 2, 4, 8 and 16 ms after each other
}

TEST_CASE("a job that waits for a slot keeps its arguments when a slot has none to return") {
  ManualYard yard;
  yard.dispatcher.add(yard.make_job());  // both slots are busy
  yard.slots[0]->return_none();
  yard.slots[1]->end_first();
  REQUIRE(yard.slots[1]->load() == 1);
  CHECK(yard.slots[1]->last().args == "\x90");
  CHECK(yard.slots[1]->last().queue == "default");
}

}  // namespace zebu::consumer
