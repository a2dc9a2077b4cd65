#include "consumer/slots/process/main.h"

#include "consumer/slots/process/child.h"
#include "consumer/slots/process/frame_stream.h"
#include "consumer/slots/process/protocol.h"
#include "consumer/slots/run_task.h"
#include "consumer/slots/worker.h"

#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <unistd.h>

namespace zebu::consumer {
namespace {

// The parent is gone, so nobody needs the outcomes: the process ends at once, with any job that runs.
[[noreturn]] void exit_orphaned() { std::_Exit(EXIT_SUCCESS); }

// After a malformed message, nothing in the stream can be decoded.
[[noreturn]] void exit_malformed(const Error& error) {
  std::fprintf(stderr, "a slot's process cannot decode a message of its consumer: %s\n", error.message.c_str());
  std::_Exit(EXIT_FAILURE);
}

// The child's end of a stream. Any thread may send; only one at a time may receive.
class Stream {
 public:
  explicit Stream(int fd) : fd_(fd) {}

  [[nodiscard]] int descriptor() const { return fd_; }

  void send(const protocol::FromChild& message) {
    std::string bytes;
    append(bytes, message);
    const std::lock_guard lock(send_mutex_);
    for (std::size_t sent = 0; sent < bytes.size();) {
      const ssize_t n = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n >= 0) {
        sent += static_cast<std::size_t>(n);
      } else if (errno != EINTR) {
        exit_orphaned();
      }
    }
  }

  // Calls handle(message) for each message that has arrived. Returns whether there may be more. flags: those of recv.
  template <class Handle>
  bool receive(int flags, Handle&& handle) {
    char bytes[kReadSize];
    ssize_t n = 0;
    do {
      n = ::recv(fd_, bytes, sizeof bytes, flags);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) return false;
    if (n <= 0) exit_orphaned();
    frames_.append(bytes, static_cast<std::size_t>(n));
    while (true) {
      const auto frame = frames_.next();
      if (!frame) exit_malformed(frame.error());
      if (!*frame) return static_cast<std::size_t>(n) == sizeof bytes;
      const auto message = decoder_.to_child(**frame);
      if (!message) exit_malformed(message.error());
      handle(*message);
    }
  }

 private:
  int fd_;
  FrameStream frames_;
  protocol::Decoder decoder_;
  std::mutex send_mutex_;
};

// The worker's thread receives jobs and sends their outcomes itself, so that a job costs one wake-up of this process.
// The main thread sleeps until an order arrives, and carries it out while the worker computes.
class SlotProcess {
 public:
  SlotProcess(const Registry& registry, RunningMark& mark)
      : registry_(registry),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        worker_(&mark, {[this] { report(); }, [this] { wait_for_jobs(); }}) {}

  [[noreturn]] void run() {
    while (true) {
      orders_.receive(0, [this](const protocol::ToChild& order) {
        if (fetch_jobs()) wake_worker();
        std::visit([this](const auto& each) { carry_out(each); }, order);
      });
    }
  }

 private:
  // ── jobs ──

  // Called by the worker's thread when it has no job.
  void wait_for_jobs() {
    pollfd watched[] = {{jobs_.descriptor(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    while (::poll(watched, 2, -1) < 0 && errno == EINTR) continue;
    std::uint64_t count = 0;
    if (watched[1].revents != 0) static_cast<void>(::read(wake_.get(), &count, sizeof count) < 0);
    fetch_jobs();
  }

  // Gives the worker all jobs that have arrived. True if there were any.
  bool fetch_jobs() {
    const std::lock_guard lock(fetch_mutex_);
    bool has_any = false;
    const auto take = [&](const protocol::ToChild& message) {
      const auto* run = std::get_if<protocol::Run>(&message);
      if (run == nullptr) exit_malformed({ErrorCode::bad_message, "an order in the stream of jobs", {}});
      give(*run);
      has_any = true;
    };
    while (jobs_.receive(MSG_DONTWAIT, take)) continue;
    return has_any;
  }

  // The worker's thread polls the stream, and would not notice jobs that this thread has read from it.
  void wake_worker() {
    const std::uint64_t one = 1;
    static_cast<void>(::write(wake_.get(), &one, sizeof one) < 0);
  }

  void give(const protocol::Run& run) {
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

  // ── orders ──

  void carry_out(const protocol::Run&) { exit_malformed({ErrorCode::bad_message, "jobs in the stream of orders", {}}); }
  void carry_out(const protocol::Stop& stop) { worker_.stop(stop.id); }
  void carry_out(const protocol::SoftLimit& reached) { worker_.reach_soft_limit(reached.id); }
  void carry_out(const protocol::ReportProgress&) { worker_.request_progress(); }
  void carry_out(const protocol::Recall&) {
    protocol::Returned returned;
    for (const Job& job : worker_.take_back()) returned.jobs.push_back(job.id);
    report();
    jobs_.send(returned);
  }

  // ── reports, sent by both threads ──

  void report() {
    const std::lock_guard lock(report_mutex_);
    const Worker::Reports reports = worker_.collect();
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
    }
  }

  const Registry& registry_;
  Stream jobs_{kSlotJobs};
  Stream orders_{kSlotOrders};
  Descriptor wake_;
  std::mutex fetch_mutex_;   // keeps jobs in the order in which they were sent
  std::mutex report_mutex_;  // keeps outcomes in the order in which jobs ended
  Worker worker_;            // last: it uses all of the above
};

// The parent decides when a slot ends, but Ctrl-C goes to the whole process group, and a service manager may signal all
// processes. Empty handlers, because programs that a task starts would inherit an ignored signal.
void ignore_stop_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  sigset_t blocked;  // by the parent, since the start of this process
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGINT);
  sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
}

bool die_with_parent(const char* parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pid_t pid = 0;
  std::from_chars(parent, parent + std::strlen(parent), pid);
  return ::getppid() == pid;  // otherwise the parent died before the prctl
}

}  // namespace

std::optional<int> run_as_slot(int argc, char** argv, const Registry& registry) {
  if (argc != 3 || std::string_view(argv[1]) != kSlotArgument) return std::nullopt;
  if (!die_with_parent(argv[2])) return EXIT_FAILURE;
  ignore_stop_signals();
  ::prctl(PR_SET_NAME, "zebu-slot");
  for (const int fd : {kSlotJobs, kSlotOrders, kSlotMark}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  auto mark = SharedMark::open(Descriptor(kSlotMark));
  if (!mark) {
    std::fprintf(stderr, "%s\n", mark.error().message.c_str());
    return EXIT_FAILURE;
  }
  SlotProcess(registry, mark->get()).run();
}

}  // namespace zebu::consumer
