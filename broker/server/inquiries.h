#pragma once

#include "broker/engine/engine.h"
#include "broker/server/report.h"

#include <string>
#include <unordered_map>
#include <vector>

namespace zebu::broker {

// QUERY and COMMAND: what people ask and tell. Some are answered at once, some when the store has been asked, some when
// what they changed is durable. One thread.
class Inquiries {
 public:
  struct Answer {
    SessionId session;
    std::uint64_t number;
    std::string value;
    BatchNumber batch;  // with which it may leave; 0: now
  };

  // Both outlive it.
  Inquiries(Engine& engine, const ServerFacts& facts) : engine_(engine), facts_(facts) {}

  void query(SessionId session, const message::Query& query, Moment now, Effects& out);
  void command(SessionId session, const message::Command& command, Moment now, Effects& out);
  // Of a peer that has not read the answers that it was sent.
  void refuse_unread(SessionId session, std::uint64_t number);
  // False: the read was not one of ours.
  [[nodiscard]] bool answered(const ReadAnswer& answer, Moment now, Effects& out);
  // `out`: what the engine said of this commit.
  void committed(BatchNumber batch, const Effects& out);

  // The answers that have come about since the last call.
  [[nodiscard]] std::vector<Answer> take() { return std::exchange(answers_, {}); }

 private:
  enum class Kind { jobs, list, retry, retry_all, purge_failed };
  // One that waits for the store.
  struct Inquiry {
    SessionId session = 0;
    std::uint64_t number = 0;
    Kind kind = Kind::jobs;
    std::vector<JobId> ids;         // of jobs
    ListFilter filter;              // of retry_all and purge_failed: the page under way
    std::size_t count = 0;          // done so far
    std::vector<JobId> keyed = {};  // of retry_all: new jobs with a unique key, which may not get it

    // How many jobs the store is asked for at once.
    [[nodiscard]] std::size_t weight() const { return ids.empty() ? filter.limit : ids.size(); }
  };
  // A retry that is answered with the commit that holds it.
  struct Retried {
    Inquiry inquiry;
    BatchNumber batch = 0;
    std::vector<std::pair<JobId, JobId>> jobs;  // of retry: old, new
    // Some have a unique key: these are known to be retried with that commit, and the old ones are forgotten with the
    // next.
    bool has_keyed = false;
  };

  // Asks the store, or refuses when the session has asked for too much already.
  void ask(Inquiry inquiry, Read read, Effects& out);
  void ask_store(Inquiry inquiry, Read read, Effects& out);
  void answer_jobs(SessionId session, std::uint64_t number, const std::vector<JobId>& ids,
                   const std::vector<std::optional<StoredJob>>& stored);
  void found(const Inquiry& inquiry, const Found& found, Moment now, Effects& out);
  void listed(Inquiry inquiry, const Listed& listed, Moment now, Effects& out);
  void retry(const Inquiry& inquiry, const Found& found, Moment now, Effects& out);
  void not_retried(const JobId& fresh);
  void refuse(SessionId session, std::uint64_t number, const Error& why);
  void purge(SessionId session, const message::Command& command, Moment now, Effects& out);
  void drain(SessionId session, const message::Command& command, Effects& out);
  // What is told now may say what is not durable yet: it leaves with the batch that makes it so.
  [[nodiscard]] BatchNumber undurable() const;

  Engine& engine_;
  const ServerFacts& facts_;
  std::unordered_map<std::uint64_t, Inquiry> waiting_;
  std::unordered_map<SessionId, std::size_t> asked_;  // the weight of those in waiting_
  std::vector<Retried> retried_;
  std::vector<Answer> answers_;
  std::uint64_t next_asker_ = 1;
};

}  // namespace zebu::broker
