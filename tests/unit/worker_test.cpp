#include "consumer/slots/worker.h"

#include "tests/support/catch.h"
#include "zebu/convert.h"
#include "zebu/progress.h"

#include <atomic>
#include <semaphore>
#include <string>
#include <thread>

using namespace zebu;
using zebu::consumer::Worker;

TEST_CASE("a character that a task prints in two parts stays whole, and other bytes are mended") {
  std::binary_semaphore has_first{0};
  std::binary_semaphore may_go_on{0};
  Registry registry;
  registry.add("print", [&](Context& context) {
    context.print("a\xe2\x82");
    has_first.release();
    may_go_on.acquire();
    context.print("\xac\xff\n\xe2");
    return 0;
  });
  std::counting_semaphore<> announced{0};
  Worker worker(nullptr, {[&] { announced.release(); }});
  consumer::Job job;
  job.id = {Uuid::make(), 1};
  job.task = registry.find("print");
  job.args = pack_args();
  worker.request_progress();
  std::vector<consumer::Job> jobs;
  jobs.push_back(std::move(job));
  worker.give(std::move(jobs));
  has_first.acquire();
  Progress all;
  std::size_t ended = 0;
  const auto collect = [&] {
    const Worker::Reports reports = worker.collect();
    for (const auto& update : reports.progress) append(all, update.progress);
    ended += reports.finished.size();
  };
  collect();
  CHECK(all.output == "a");
  may_go_on.release();
  while (ended == 0) {
    announced.acquire();
    collect();
  }
  CHECK(all.output == "a\u20ac\ufffd\n\ufffd");
  CHECK(all.offset == 0);
  CHECK(all.number == 2);
}

TEST_CASE("output that is too much to keep is counted, and each job is numbered anew") {
  Registry registry;
  registry.add("print", [&](Context& context) {
    context.print("x");
    context.print(std::string(3 * kMaxOutput, 'y'));
    context.print("end");
    return 0;
  });
  std::counting_semaphore<> announced{0};
  Worker worker(nullptr, {[&] { announced.release(); }});
  for (std::uint32_t attempt = 1; attempt <= 2; ++attempt) {
    consumer::Job job;
    job.id = {Uuid::make(), attempt};
    job.task = registry.find("print");
    job.args = pack_args();
    std::vector<consumer::Job> jobs;
    jobs.push_back(std::move(job));
    worker.give(std::move(jobs));
    Progress all;
    for (std::size_t ended = 0; ended == 0;) {
      announced.acquire();
      const Worker::Reports reports = worker.collect();
      for (const auto& update : reports.progress) append(all, update.progress);
      ended += reports.finished.size();
    }
    CHECK(all.offset + all.output.size() == 3 * kMaxOutput + 4);
    CHECK(all.output.ends_with("yend"));
    CHECK(all.number >= 1);
    CHECK(all.number <= 3);
  }
}

TEST_CASE("while an outcome is being sent no further job begins, which might end the process") {
  Registry registry;
  std::atomic<int> begun{0};
  registry.add("count", [&] { return ++begun; });
  std::counting_semaphore<> announced{0};
  Worker worker(nullptr, {[&] { announced.release(); }});
  const auto give = [&](std::uint32_t attempt) {
    std::vector<consumer::Job> jobs(1);
    jobs.front().id = {Uuid::make(), attempt};
    jobs.front().task = registry.find("count");
    jobs.front().args = pack_args();
    worker.give(std::move(jobs));
  };
  give(1);
  announced.acquire();
  CHECK(worker.collect_to_send().finished.size() == 1);
  give(2);
  // It has all the time that a wake-up takes, many times over.
  for (int i = 0; i < 1000; ++i) std::this_thread::yield();
  CHECK(begun == 1);
  worker.sent();
  announced.acquire();
  CHECK(begun == 2);
  CHECK(worker.collect().finished.size() == 1);
}
