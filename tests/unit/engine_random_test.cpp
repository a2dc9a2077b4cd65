#include "support/catch.h"
#include "support/engine_driver.h"

#include <map>
#include <random>
#include <set>

using namespace zebu;
using namespace zebu::broker;
using zebu::test::EngineDriver;

namespace {

// Consumers, clients and a network that loses and delays, all driven by one seed; checks after every step.
class World {
 public:
  explicit World(unsigned seed) : random_(seed), client_(d_.client()) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      d_.tick();
      deliver();
      check();
    }
    finish_all();
  }

 private:
  struct Ox {
    InstanceId instance = Uuid::make();
    SessionId session = 0;
    std::uint32_t slots = 1;
    std::uint32_t credit = 0;        // granted and not used, by our own count
    std::vector<AttemptId> running;  // what it believes that it runs
    bool is_silent = false;          // runs on, but its connection is dead
  };

  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }

  void step() {
    switch (pick(12)) {
      case 0:
      case 1:
      case 2:
        submit();
        break;
      case 3:
        if (oxen_.size() < 5) add_ox();
        break;
      case 4:
        if (!oxen_.empty()) lose(oxen_[pick(static_cast<unsigned>(oxen_.size()))]);
        break;
      case 5:
        if (!oxen_.empty()) reconnect(oxen_[pick(static_cast<unsigned>(oxen_.size()))]);
        break;
      case 6:
        if (!submitted_.empty()) cancel();
        break;
      case 7:
        give_back();
        break;
      case 8:
        kill_ox();
        break;
      default:
        outcome();
    }
  }

  void submit() {
    JobOptions options;
    options.transient = pick(2) == 0;
    submitted_.push_back(d_.submit(client_, true, options));
  }

  void add_ox() {
    Ox ox;
    ox.slots = 1 + pick(3);
    ox.credit = 1 + pick(5);
    ox.session = d_.consumer(ox.credit, ox.slots, ox.instance);
    oxen_.push_back(ox);
  }

  // The broker finds it gone; it runs on and knows nothing of it.
  void lose(Ox& ox) {
    if (ox.is_silent) return;
    d_.engine().gone(ox.session, d_.effects);
    ox.is_silent = true;
  }

  void reconnect(Ox& ox) {
    ox.credit = 1 + pick(4);
    ox.is_silent = false;
    ox.session = d_.consumer(ox.credit, ox.slots, ox.instance, ox.running);
  }

  void kill_ox() {
    if (oxen_.empty()) return;
    const auto at = oxen_.begin() + pick(static_cast<unsigned>(oxen_.size()));
    if (!at->is_silent) d_.engine().gone(at->session, d_.effects);
    oxen_.erase(at);
  }

  void cancel() {
    d_.engine().cancel({{submitted_[pick(static_cast<unsigned>(submitted_.size()))]}}, d_.now(), d_.effects);
  }

  Ox* busy_ox() {
    for (Ox& ox : oxen_) {
      if (!ox.is_silent && !ox.running.empty() && pick(2) == 0) return &ox;
    }
    return nullptr;
  }

  void give_back() {
    Ox* ox = busy_ox();
    if (!ox) return;
    const AttemptId attempt = ox->running.back();
    ox->running.pop_back();
    d_.engine().give_back(ox->session, {1, {attempt}}, d_.now(), d_.effects);
    ++ox->credit;
  }

  void outcome() {
    Ox* ox = busy_ox();
    if (!ox) return;
    const AttemptId attempt = ox->running.front();
    ox->running.erase(ox->running.begin());
    d_.outcome(ox->session, attempt.job, attempt.attempt, pick(4) == 0 ? JobState::failed : JobState::succeeded, 1);
    ++ox->credit;
  }

  void deliver() {
    const Effects effects = d_.take();
    for (const auto& [session, job] : effects.assigned) {
      for (Ox& ox : oxen_) {
        if (ox.session != session || ox.is_silent) continue;
        REQUIRE(ox.credit > 0);
        --ox.credit;
        ox.running.push_back({job->spec->id, job->attempt});
      }
    }
    for (const auto& [session, attempt] : effects.stopped) {
      for (Ox& ox : oxen_) {
        if (ox.session != session || ox.is_silent) continue;
        if (std::erase(ox.running, attempt) == 0) continue;
        d_.outcome(session, attempt.job, attempt.attempt, JobState::cancelled);
      }
    }
    for (const auto& [session, job] : effects.done) {
      REQUIRE(is_final(job->state));
      REQUIRE(done_.emplace(job->spec->id, job->outcome).second);  // told once
    }
    // Outcomes that the stops above caused.
    for (const auto& [session, job] : d_.take().done) REQUIRE(done_.emplace(job->spec->id, job->outcome).second);
  }

  void check() {
    const JobTable& jobs = d_.engine().jobs();
    std::size_t final_jobs = 0;
    for (const JobId& id : submitted_) {
      const Job* job = jobs.find(id);
      REQUIRE(job);  // nothing accepted is lost
      if (is_final(job->state)) {
        ++final_jobs;
        REQUIRE(done_.count(id) == 1);
        REQUIRE(done_[id] == job->outcome);  // and its outcome never changes
      }
    }
    REQUIRE(final_jobs == done_.size());
    std::size_t queued = 0;
    std::size_t running = 0;
    for (const auto& [name, queue] : jobs.queues()) {
      queued += queue->jobs.size();
      running += queue->running;
      std::uint64_t last = 0;
      for (const Job& job : queue->jobs) {
        REQUIRE(job.spec->sequence > last);  // by age
        last = job.spec->sequence;
      }
    }
    REQUIRE(queued == jobs.count(JobState::queued));
    REQUIRE(running == jobs.count(JobState::running));
    REQUIRE(queued + running + final_jobs == submitted_.size());
  }

  void finish_all() {
    for (Ox& ox : oxen_) reconnect(ox);
    if (oxen_.empty()) add_ox();
    for (int round = 0; round < 10'000 && done_.size() < submitted_.size(); ++round) {
      d_.tick();
      deliver();
      outcome();
      give_back();
    }
    d_.tick();
    deliver();
    check();
    REQUIRE(done_.size() == submitted_.size());
  }

  std::mt19937 random_;
  EngineDriver d_;
  SessionId client_;
  std::vector<Ox> oxen_;
  std::vector<JobId> submitted_;
  std::map<JobId, SharedOutcome> done_;
};

}  // namespace

TEST_CASE("whatever is lost, doubled or late: no accepted job is lost, each has one outcome, credit is kept") {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    World(seed).run(200);
  }
}
