#pragma once

#include "broker/server/pending_answers.h"
#include "broker/server/report.h"

#include <optional>
#include <unordered_map>
#include <vector>

namespace zebu::broker {

// The command `retry`: failed jobs that run again as new ones, named by id or found by a filter. It is answered with
// the commit that holds them. One thread.
class Retries {
 public:
  // Both outlive it.
  Retries(Engine& engine, PendingAnswers& pending) : engine_(engine), pending_(pending) {}

  void retry(const PendingAnswers::Asker& asker, std::vector<JobId> ids, Effects& out);
  void retry_all(const PendingAnswers::Asker& asker, ListFilter filter, Effects& out);
  // The unique key of this new job belongs to another one: the failed job stays, and is not counted as retried.
  void not_retried(const JobId& fresh);

 private:
  struct Retry {
    PendingAnswers::Asker asker;
    bool is_by_ids;
    std::size_t count = 0;
    std::vector<RetriedJob> jobs = {};  // by ids only
    std::string queue = {};             // all of it, or of all queues
    std::string task = {};
    std::optional<TimePoint> told = {};  // when the asker heard of it last
    std::vector<JobId> keyed = {};       // new jobs with a unique key, which they may not get
  };

  [[nodiscard]] std::uint64_t begin(const PendingAnswers::Asker& asker, bool is_by_ids);
  bool retry_one(Retry& retry, const StoredJob& failed, Moment now, Effects& out);
  // All jobs of it are decided.
  void end(std::uint64_t number);
  void durable(std::uint64_t number, BatchNumber batch);
  void answer(std::uint64_t number);

  Engine& engine_;
  PendingAnswers& pending_;
  std::unordered_map<std::uint64_t, Retry> retries_;  // under way
  std::uint64_t last_ = 0;
};

}  // namespace zebu::broker
