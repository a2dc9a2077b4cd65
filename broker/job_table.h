#pragma once

#include <zebu/job.h>

#include <boost/container/small_vector.hpp>
#include <boost/intrusive/list.hpp>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace zebu::broker {

// One connection of a peer, from its HELLO on. Never used again for another one.
using SessionId = std::uint64_t;

// What a submitter said of a job; it never changes.
struct JobSpec {
  JobId id;
  std::uint64_t sequence = 0;  // the order of acceptance
  std::string task;
  std::string queue;
  std::string args;
  JobOptions options;
  WallTime submitted{};

  // What the job takes of its queue's limit in bytes.
  [[nodiscard]] std::size_t size() const { return sizeof(JobSpec) + task.size() + queue.size() + args.size(); }
};

// shared_ptr: the engine, a batch on its way into the store, and a store that keeps jobs in memory hold the same bytes.
using SharedSpec = std::shared_ptr<const JobSpec>;
using SharedOutcome = std::shared_ptr<const Outcome>;

// What a finished job takes of --keep-bytes.
[[nodiscard]] std::size_t size_of(const JobSpec& spec, const Outcome& outcome);

struct Queue;

// A job as the engine sees it. In one list at any time: its queue's (queued), its consumer's (running), or that of the
// finished jobs.
struct Job : boost::intrusive::list_base_hook<> {
  SharedSpec spec;
  Queue* queue = nullptr;  // while queued or running
  JobState state = JobState::queued;
  std::uint32_t attempt = 0;  // the newest attempt's number; 0 before the first
  SessionId session = 0;      // while running: whose assignment it is
  InstanceId holder;          // who got the newest attempt; may claim it back after a broken connection
  bool cancel_asked = false;
  WallTime started{};
  WallTime finished{};
  SharedOutcome outcome;                                 // in a final state
  boost::container::small_vector<SessionId, 1> waiters;  // clients to tell; may name sessions that are gone
};
using JobList = boost::intrusive::list<Job>;

struct Consumer;

// A named line of jobs, oldest first.
struct Queue {
  std::string name;
  JobList jobs;           // queued ones, by sequence
  std::size_t bytes = 0;  // of the queued ones
  std::size_t running = 0;
  std::vector<Consumer*> consumers;               // who serves it, draining ones included
  std::map<std::string, int, std::less<>> tasks;  // task → how many of them know it

  [[nodiscard]] bool is_idle() const { return jobs.empty() && running == 0 && consumers.empty(); }
};

// Jobs, queues and their places, and nothing of who asks. Keeps counts by state; checks every edge.
class JobTable {
 public:
  JobTable() = default;
  ~JobTable();
  JobTable(const JobTable&) = delete;
  JobTable& operator=(const JobTable&) = delete;

  [[nodiscard]] Job* find(const JobId& id);
  [[nodiscard]] const Job* find(const JobId& id) const;
  [[nodiscard]] Queue* find_queue(std::string_view name);
  Queue& queue(std::string_view name);
  // Forgets the queue when nothing is in it and nobody serves it.
  void release_if_idle(Queue& queue);

  // A new job at the end of its queue.
  Job& add_queued(SharedSpec spec);
  // A job that is finished already (recovery).
  Job& add_finished(SharedSpec spec, std::uint32_t attempt, SharedOutcome outcome, WallTime finished);

  // queued → running, into `list`.
  void start(Job& job, JobList& list);
  // running → queued, out of `list`, at the job's old place by age.
  void put_back(Job& job, JobList& list);
  // queued or running → final. `list` is the consumer's for a running job.
  void finish(Job& job, JobList* list, SharedOutcome outcome, WallTime now);

  // Forgets the oldest finished jobs until at most `jobs` of at most `bytes` together are left.
  void trim_finished(std::size_t jobs, std::size_t bytes);

  [[nodiscard]] std::size_t count(JobState state) const { return counts_[static_cast<std::size_t>(state)]; }
  [[nodiscard]] const std::map<std::string, std::unique_ptr<Queue>, std::less<>>& queues() const { return queues_; }
  [[nodiscard]] std::uint64_t next_sequence() const { return next_sequence_; }

 private:
  void move(Job& job, JobState to);
  Job& add(SharedSpec spec, JobState state);

  std::unordered_map<JobId, Job> jobs_;
  std::map<std::string, std::unique_ptr<Queue>, std::less<>> queues_;
  JobList finished_;  // oldest first
  std::size_t finished_bytes_ = 0;
  std::array<std::size_t, kJobStates> counts_{};
  std::uint64_t next_sequence_ = 1;
};

}  // namespace zebu::broker
