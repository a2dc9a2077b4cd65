#include "consumer/slots/process/main.h"

#include "consumer/slots/process/child.h"
#include "consumer/slots/process/frame_stream.h"
#include "consumer/slots/run_task.h"
#include "consumer/slots/worker.h"

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

namespace zebu::consumer {
namespace {

// The child's end of the stream. Whole frames are written under a lock: the reader answers recalls, the worker reports.
class Pipe {
 public:
  explicit Pipe(int fd) : fd_(fd) {}

  void send(const Frame& frame) {
    std::string bytes;
    append_frame(bytes, frame);
    const std::lock_guard lock(mutex_);
    for (std::size_t sent = 0; sent < bytes.size();) {
      const ssize_t n = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n >= 0) {
        sent += static_cast<std::size_t>(n);
      } else if (errno != EINTR) {
        std::_Exit(EXIT_FAILURE);  // the parent is gone, and with it all that the work was for
      }
    }
  }

  // False at the end of the stream.
  bool read(FrameStream& into) {
    char bytes[kReadSize];
    ssize_t n = 0;
    do {
      n = ::read(fd_, bytes, sizeof bytes);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) return false;
    into.append(bytes, static_cast<std::size_t>(n));
    return true;
  }

 private:
  int fd_;
  std::mutex mutex_;
};

Frame told_frame(const std::vector<Told>& told) {
  Batch batch(message::Type::progress);
  for (const Told& each : told) batch.add(report_of(each.id, each.progress));
  return batch.finish();
}

Frame finished_frame(const std::vector<Finished>& finished) {
  Batch batch(message::Type::outcome);
  for (const Finished& each : finished) batch.add(message::report_of(each.id.job, each.id.attempt, each.outcome));
  return batch.finish();
}

// The main thread reads, so that a cancel arrives while the worker computes; the worker writes, which saves a hand-off.
class SlotProcess {
 public:
  SlotProcess(const Registry& registry, RunningMark& mark)
      : registry_(registry), pipe_(kSlotSocket), worker_(&mark, [this] { report(); }) {}

  void run() {
    while (pipe_.read(stream_)) {
      while (const auto frame = stream_.next()) {
        const auto message = decoder_.decode(*frame);
        if (message) handle(*message);
      }
    }
  }

 private:
  void handle(const message::Message& message) {
    if (const auto* assign = std::get_if<message::Assign>(&message)) {
      give(*assign);
    } else if (const auto* stop = std::get_if<message::Stop>(&message)) {
      for (const AttemptId& id : stop->jobs) worker_.stop(id);
    } else if (const auto* late = std::get_if<message::Cancel>(&message)) {
      const auto running = worker_.running();
      if (running && late->ids == std::vector{running->id.job}) worker_.reach_soft_limit(running->id);
    } else if (std::holds_alternative<message::ProgressReports>(message)) {
      worker_.want_more();
    } else if (std::holds_alternative<message::Return>(message)) {
      message::Return recalled;
      for (const Job& job : worker_.take_back()) recalled.jobs.push_back(job.id);
      report();
      pipe_.send(encode(recalled));
    }
  }

  void give(const message::Assign& assign) {
    std::vector<Job> jobs;
    jobs.reserve(assign.jobs.size());
    for (const message::Assignment& job : assign.jobs) {
      const Task* task = registry_.find(job.task);
      if (task != nullptr) {
        jobs.push_back(job_of(job, task));
      } else {
        // The program registers other tasks when it is started with other arguments.
        const Outcome outcome = unknown_task(job.task);
        pipe_.send(encode(message::OutcomeReport{0, {message::report_of(job.id, job.attempt, outcome)}}));
      }
    }
    worker_.give(std::move(jobs));
  }

  void report() {
    const std::lock_guard lock(report_mutex_);
    const Worker::Gathered gathered = worker_.collect();
    if (!gathered.told.empty()) pipe_.send(told_frame(gathered.told));
    if (!gathered.finished.empty()) pipe_.send(finished_frame(gathered.finished));
  }

  const Registry& registry_;
  Pipe pipe_;
  FrameStream stream_;
  Decoder decoder_;
  std::mutex report_mutex_;  // keeps the outcomes in the order in which they came about
  Worker worker_;
};

// The parent decides when a slot ends: a Ctrl-C goes to the whole group, and a service manager may signal everybody. A
// handler that does nothing, other than an ignored signal, is not passed on to programs that a task starts.
void leave_stopping_to_parent() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  sigset_t blocked;  // from the start on, by the parent
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGINT);
  sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
}

bool die_with_parent(const char* parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pid_t pid = 0;
  std::from_chars(parent, parent + std::strlen(parent), pid);
  return ::getppid() == pid;  // else it died before we asked
}

}  // namespace

std::optional<int> run_as_slot(int argc, char** argv, const Registry& registry) {
  if (argc != 3 || std::string_view(argv[1]) != kSlotArgument) return std::nullopt;
  if (!die_with_parent(argv[2])) return EXIT_FAILURE;
  leave_stopping_to_parent();
  ::prctl(PR_SET_NAME, "zebu-slot");
  ::fcntl(kSlotSocket, F_SETFD, FD_CLOEXEC);
  ::fcntl(kSlotMark, F_SETFD, FD_CLOEXEC);
  auto mark = SharedMark::open(Descriptor(kSlotMark));
  if (!mark) {
    std::fprintf(stderr, "%s\n", mark.error().message.c_str());
    return EXIT_FAILURE;
  }
  SlotProcess(registry, mark->get()).run();
  // The stream has ended: nobody waits for what still runs.
  std::_Exit(EXIT_SUCCESS);
}

}  // namespace zebu::consumer
