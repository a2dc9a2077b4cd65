#include "consumer/slots/process/slot_process.h"

#include "consumer/slots/process/child.h"
#include "consumer/slots/run_task.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace zebu::consumer {
namespace {

struct Pipe {
  Pipe() {
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) std::abort();
  }
  int ends[2]{-1, -1};
};

}  // namespace

SlotProcess::SlotProcess(const Registry& registry, RunningMark& mark, pid_t parent)
    : SlotProcess(registry, mark, parent, Pipe().ends) {}

SlotProcess::SlotProcess(const Registry& registry, RunningMark& mark, pid_t parent, const int (&wake)[2])
    : registry_(registry),
      jobs_(kSlotJobs, parent),
      orders_(kSlotOrders, parent),
      wake_read_(wake[0]),
      wake_write_(wake[1]),
      worker_(&mark, handlers()) {}

void SlotProcess::run() {
  while (true) {
    orders_.receive(0, [this](const protocol::ToChild& order) {
      if (fetch_jobs()) wake_worker();
      std::visit([this](const auto& each) { carry_out(each); }, order);
    });
    orders_.check();
  }
}

Worker::Handlers SlotProcess::handlers() {
  Worker::Handlers h;
  h.start = [this] { start(); };
  h.announce = [this] { report(); };
  h.wait_for_jobs = [this] { wait_for_jobs(); };
  h.after_run = [this](const Task& task, TimePoint start, TimePoint end) {
    return housekeeping_.after_run(task, start, end);
  };
  h.replace = [this] { replace(); };
  return h;
}

// The worker's thread, before its first job.
void SlotProcess::start() {
  try {
    registry_.start();
  } catch (...) {
    jobs_.send(protocol::StartFailed{describe_exception()});
    ::_exit(EXIT_FAILURE);
  }
  housekeeping_.begin();
  jobs_.send(protocol::Ready{});
}

// All outcomes leave first. The consumer gives what has not started to another process.
void SlotProcess::replace() {
  report();
  ::_exit(EXIT_SUCCESS);
}

// ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

// Called by the worker's thread when it has no job.
void SlotProcess::wait_for_jobs() {
  pollfd watched[] = {{jobs_.descriptor(), POLLIN, 0}, {wake_read_.get(), POLLIN, 0}};
  while (::poll(watched, 2, -1) < 0 && errno == EINTR) continue;
  if (watched[1].revents != 0) {
    wake_read_.check();
    char bytes[64];
    while (::read(wake_read_.get(), bytes, sizeof bytes) == static_cast<ssize_t>(sizeof bytes)) continue;
  }
  fetch_jobs();
}

// Gives the worker all jobs that have arrived. True if there were any.
bool SlotProcess::fetch_jobs() {
  const std::lock_guard lock(fetch_mutex_);
  bool has_any = false;
  const auto take = [&](const protocol::ToChild& message) {
    const auto* run = std::get_if<protocol::Run>(&message);
    if (run == nullptr) exit_broken("meddled with the stream of jobs: it has an order");
    give(*run);
    has_any = true;
  };
  while (jobs_.receive(MSG_DONTWAIT, take)) continue;
  return has_any;
}

// The worker's thread polls the stream, and would not notice jobs that this thread has read from it.
void SlotProcess::wake_worker() {
  wake_write_.check();
  static_cast<void>(::write(wake_write_.get(), "", 1) < 0);  // a full pipe wakes it as well
}

void SlotProcess::give(const protocol::Run& run) {
  std::vector<Job> jobs;
  jobs.reserve(run.jobs.size());
  for (const message::Assignment& job : run.jobs) {
    const Task* task = registry_.find(job.task);
    if (task != nullptr) {
      jobs.push_back(job_of(job, task));
    } else {
      // Possible if the program registers different tasks depending on its arguments.
      const Outcome outcome = unknown_task(job.task);
      jobs_.send(protocol::Ended{{message::report_of(job.id, job.attempt, outcome)}});
    }
  }
  worker_.give(std::move(jobs));
}

// ── orders ──────────────────────────────────────────────────────────────────────────────────────────────────────────

void SlotProcess::carry_out(const protocol::Run&) { exit_broken("meddled with the stream of orders: it has jobs"); }
void SlotProcess::carry_out(const protocol::Stop& stop) { worker_.stop(stop.id); }
void SlotProcess::carry_out(const protocol::SoftLimit& reached) { worker_.reach_soft_limit(reached.id); }
void SlotProcess::carry_out(const protocol::ReportProgress&) { worker_.request_progress(); }
void SlotProcess::carry_out(const protocol::Recall&) {
  protocol::Returned returned;
  for (const Job& job : worker_.take_back()) returned.jobs.push_back(job.id);
  report();
  jobs_.send(returned);
}

// ── reports, sent by both threads ───────────────────────────────────────────────────────────────────────────────────

void SlotProcess::report() {
  const std::lock_guard lock(report_mutex_);
  const Worker::Reports reports = worker_.collect_to_send();
  jobs_.check();
  if (!reports.progress.empty()) {
    protocol::Progressed progressed;
    for (const ProgressUpdate& each : reports.progress) progressed.jobs.push_back(report_of(each.id, each.progress));
    jobs_.send(progressed);
  }
  if (!reports.finished.empty()) {
    protocol::Ended ended;
    ended.jobs.reserve(reports.finished.size());
    for (const Finished& each : reports.finished) {
      ended.jobs.push_back(message::report_of(each.id.job, each.id.attempt, each.outcome));
    }
    jobs_.send(ended);
    worker_.sent();
  }
}

}  // namespace zebu::consumer
