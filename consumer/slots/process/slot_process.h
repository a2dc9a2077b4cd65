#pragma once

#include "consumer/slots/process/child_stream.h"
#include "consumer/slots/process/housekeeping.h"
#include "consumer/slots/worker.h"
#include "zebu/registry.h"

#include <mutex>

namespace zebu::consumer {

// What runs in a slot's process. The worker's thread receives jobs and sends their outcomes itself, so that a job costs
// one wake-up of this process. The main thread sleeps until an order arrives, and carries it out while the worker
// computes.
class SlotProcess {
 public:
  // registry and mark outlive it. parent: the consumer.
  SlotProcess(const Registry& registry, RunningMark& mark, pid_t parent);

  // Carries out orders until the consumer is gone.
  [[noreturn]] void run();

 private:
  SlotProcess(const Registry& registry, RunningMark& mark, pid_t parent, const int (&wake)[2]);
  Worker::Handlers handlers();
  void start();
  [[noreturn]] void replace();

  void wait_for_jobs();
  bool fetch_jobs();
  void wake_worker();
  void give(const protocol::Run& run);

  void carry_out(const protocol::Run& run);
  void carry_out(const protocol::Stop& stop);
  void carry_out(const protocol::SoftLimit& reached);
  void carry_out(const protocol::ReportProgress& report);
  void carry_out(const protocol::Recall& recall);

  void report();

  const Registry& registry_;
  ChildStream jobs_;
  ChildStream orders_;
  OwnDescriptor wake_read_;  // a pipe
  OwnDescriptor wake_write_;
  Housekeeping housekeeping_;
  std::mutex fetch_mutex_;   // keeps jobs in the order in which they were sent
  std::mutex report_mutex_;  // keeps outcomes in the order in which jobs ended
  Worker worker_;            // last: it uses all of the above
};

}  // namespace zebu::consumer
