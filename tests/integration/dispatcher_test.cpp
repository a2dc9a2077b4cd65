#include "consumer/dispatcher.h"

#include "consumer/slots/thread_slot.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <set>
#include <thread>

namespace {

using namespace std::chrono_literals;
using zebu::AttemptId;
using zebu::JobState;
using zebu::consumer::Dispatcher;
using zebu::consumer::Finished;
using zebu::consumer::Job;
using zebu::consumer::SlotEvents;
using zebu::consumer::ThreadSlot;
using zebu::consumer::TimeLimits;
using zebu::consumer::Told;

// A dispatcher with thread slots, whose loop turns while a test waits. The task "hold" runs until it is let go.
struct Yard {
  explicit Yard(std::size_t slots)
      : dispatcher(loop, slots, [this](const SlotEvents& events) { return std::make_unique<ThreadSlot>(loop, events); },
                   {[this](std::vector<Finished> f) {
                      for (auto& one : f) finished.push_back(std::move(one));
                    },
                    [this](const std::vector<AttemptId>& ids) { back.insert(ids.begin(), ids.end()); },
                    [this](Told each) { told.push_back(std::move(each)); }, [] {}}) {
    registry.add("echo", [](zebu::RawValue value) { return value; });
    registry.add("hold", [this](zebu::Context& context) {
      ++holding;
      while (!is_released && context.wait_for(1ms)) continue;
      context.throw_if_cancelled();
    });
    registry.add("deaf", [this](zebu::Context& context) {
      ++holding;
      context.progress(0.5);
      while (!is_released) std::this_thread::yield();
    });
  }
  ~Yard() { is_released = true; }

  AttemptId add(const std::string& task, TimeLimits limits = {}) {
    const AttemptId id{zebu::Uuid::make(), 1};
    const std::string args = task == "echo" ? zebu::pack_args(1) : zebu::pack_args();
    dispatcher.add({id, registry.find(task), "default", args, limits, {}});
    return id;
  }
  // From now on slots have the next job in hand.
  void teach_short_jobs() {
    for (int i = 0; i < 100; ++i) add("echo");
    dispatcher.dispatch();
    if (!turn_until([&] { return dispatcher.held() == 0; })) FAIL("short jobs do not end");
    finished.clear();
  }
  template <class Condition>
  bool turn_until(Condition&& condition) {
    return zebu::test::eventually([&] {
      loop.restart();
      loop.poll();
      return condition();
    });
  }

  boost::asio::io_context loop;
  zebu::Registry registry;
  std::atomic<bool> is_released = false;
  std::atomic<int> holding = 0;
  std::vector<Finished> finished;
  std::set<AttemptId> back;
  std::vector<Told> told;
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

TEST_CASE("stopping cancels what waits at once, and what runs when it heeds its token") {
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

TEST_CASE("draining gives back what has not started and lets the rest end") {
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

TEST_CASE("all that is here is listed: what waits, what runs, and what has ended unheard") {
  Yard yard(1);
  for (int i = 0; i < 3; ++i) yard.add("hold");
  yard.dispatcher.dispatch();
  REQUIRE(zebu::test::eventually([&] { return yard.holding == 1; }));
  yard.is_released = true;
  std::vector<AttemptId> listed;
  yard.dispatcher.list(listed);
  CHECK(listed.size() == 3);
}

TEST_CASE("a limited job that lies behind another one has its whole time from when it starts") {
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

TEST_CASE("limits that are not reached are forgotten with their jobs") {
  Yard yard(2);
  for (int i = 0; i < 2000; ++i) yard.add("echo", {20ms, 40ms});
  yard.dispatcher.dispatch();
  REQUIRE(yard.turn_until([&] { return yard.finished.size() + yard.back.size() == 2000; }));
  const AttemptId longer = yard.add("hold");
  yard.dispatcher.dispatch();
  const auto end = zebu::Clock::now() + 60ms;
  REQUIRE(yard.turn_until([&] { return zebu::Clock::now() > end; }));
  yard.is_released = true;
  REQUIRE(yard.turn_until([&] { return yard.dispatcher.held() == 0; }));
  CHECK(yard.finished.back().id == longer);
  for (const Finished& ended : yard.finished) CHECK(ended.outcome.state == JobState::succeeded);
}

TEST_CASE("a thread past a hard limit is out until its task returns, and what lay behind it goes elsewhere") {
  Yard yard(1);
  const AttemptId overdue = yard.add("deaf", {{}, 50ms});
  yard.dispatcher.dispatch();
  REQUIRE(yard.turn_until([&] { return yard.finished.size() == 1; }));
  CHECK(yard.finished[0].id == overdue);
  CHECK(yard.finished[0].outcome.error.type == "zebu::HardLimit");
  CHECK(yard.finished[0].outcome.error.kind == zebu::ErrorKind::crash);
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

TEST_CASE("what a running task tells is heard before its end") {
  Yard yard(1);
  const AttemptId id = yard.add("deaf");
  yard.dispatcher.dispatch();
  REQUIRE(yard.turn_until([&] { return !yard.told.empty(); }));
  CHECK(yard.told[0].id == id);
  CHECK(yard.told[0].progress.done == 0.5);
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

TEST_CASE("a job in hand behind a long one moves at once to a slot that becomes free") {
  // Where no slot is free, that takes 50 ms. One round of several in less than that proves it on a busy machine, too.
  bool was_quick = false;
  for (int round = 0; round < 20 && !was_quick; ++round) {
    Yard yard(2);
    yard.teach_short_jobs();
    yard.add("hold");
    for (int i = 0; i < 3; ++i) yard.add("echo");  // at least one of them lies behind "hold"
    const auto start = zebu::Clock::now();
    yard.dispatcher.dispatch();
    REQUIRE(yard.turn_until([&] { return yard.finished.size() + yard.back.size() == 3; }));
    CHECK(yard.turn_until([&] { return yard.holding == 1; }));
    was_quick = yard.back.empty() && zebu::Clock::now() - start < 45ms;
  }
  CHECK(was_quick);
}

TEST_CASE("jobs are asked for one by one, and several at a time where they are short") {
  Yard yard(3);
  CHECK(yard.dispatcher.wanted() == 3);
  CHECK(yard.dispatcher.portion() == 1);
  yard.teach_short_jobs();
  CHECK(yard.dispatcher.wanted() > 300);
  CHECK(yard.dispatcher.portion() == 3);
}

namespace {

// A slot on a machine so busy that it begins nothing and answers no recall.
class StarvedSlot final : public zebu::consumer::Slot {
 public:
  explicit StarvedSlot(std::vector<zebu::TimePoint>& recalls) : recalls_(recalls) {}

  bool is_alive() const override { return true; }
  std::size_t room() const override { return 100; }
  std::size_t load() const override { return jobs_.size(); }
  void give(std::vector<Job> jobs) override {
    for (Job& job : jobs) jobs_.push_back(std::move(job));
  }
  void recall() override { recalls_.push_back(zebu::Clock::now()); }
  void stop(const AttemptId&) override {}
  void list(std::vector<AttemptId>&) const override {}
  void lose_all() { jobs_.clear(); }

 private:
  std::vector<zebu::TimePoint>& recalls_;
  std::vector<Job> jobs_;
};

}  // namespace

TEST_CASE("jobs in hand are recalled less and less often while no slot begins one") {
  boost::asio::io_context loop;
  std::vector<zebu::TimePoint> recalls;
  std::vector<StarvedSlot*> slots;
  Dispatcher dispatcher(
      loop, 2,
      [&](const SlotEvents&) {
        auto slot = std::make_unique<StarvedSlot>(recalls);
        slots.push_back(slot.get());
        return slot;
      },
      {[](const std::vector<Finished>&) {}, [](const std::vector<AttemptId>&) {}, [](const Told&) {}, [] {}});
  zebu::Registry registry;
  registry.add("echo", [](zebu::RawValue value) { return value; });
  for (int i = 0; i < 2; ++i)
    dispatcher.add({{zebu::Uuid::make(), 1}, registry.find("echo"), "default", "\x90", {}, {}});
  dispatcher.dispatch();
  // Both lie in the first slot, and the other one has nothing.
  slots[1]->lose_all();
  slots[0]->give({{{zebu::Uuid::make(), 1}, registry.find("echo"), "default", "\x90", {}, {}}});
  const auto start = zebu::Clock::now();
  dispatcher.dispatch();
  REQUIRE(zebu::test::eventually([&] {
    loop.restart();
    loop.poll();
    return recalls.size() >= 4;
  }));
  CHECK(recalls[3] - start >= 30ms);  // 2, 4, 8 and 16 ms after each other
}
