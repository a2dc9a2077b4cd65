#pragma once

#include "consumer/slots/limit_watch.h"
#include "consumer/slots/process/child.h"
#include "consumer/slots/process/frame_stream.h"
#include "consumer/slots/process/protocol.h"
#include "consumer/slots/process/stream_writer.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace zebu::consumer {

struct ProcessSlotOptions {
  std::string program;                       // argv[0] of the children
  std::chrono::milliseconds cancel_grace;    // how long a task that sees its token may go on
  std::optional<std::size_t> memory = {};    // limit of a child's data, in bytes
  std::optional<std::size_t> max_jobs = {};  // a child is replaced after this many
};

// A slot that is a child process: a task that crashes, hangs or exhausts the memory costs its own attempt and nothing
// else. A child that dies is replaced: at once, or after a growing delay if children die before they have done any
// work. A child that has run out of memory, or has been given max_jobs, is replaced as soon as it has no job.
//
//   jobs ────────────► RUN ───────────────► child's worker ──► PROGRESSED, ENDED ──► events
//   stops, limits ───► STOP, SOFT_LIMIT ──► child's main thread
class ProcessSlot : public Slot {
 public:
  // loop, events and options outlive the slot. Starts the first child.
  ProcessSlot(boost::asio::io_context& loop, const SlotEvents& events, const ProcessSlotOptions& options,
              SharedMark mark);
  // Kills and reaps the child.
  ~ProcessSlot() override;

  [[nodiscard]] bool is_alive() const override { return child_.has_value(); }
  [[nodiscard]] std::size_t room() const override;
  [[nodiscard]] std::size_t load() const override { return jobs_.size(); }
  void give(std::vector<Job> jobs) override;
  void recall() override;
  void stop(const AttemptId& id) override;
  void abandon() override;
  void list(std::vector<AttemptId>& into) const override;

 private:
  void start();
  void start_later();
  void watch_death();
  void reap();
  void close_streams();
  [[nodiscard]] bool is_used_up() const;
  [[nodiscard]] bool renew();
  void replace();

  void handle_death(int wait_status);
  [[nodiscard]] std::vector<Finished> take_ended(std::deque<Job>& lost, int wait_status);
  [[nodiscard]] Outcome crashed(int wait_status, bool has_run) const;
  [[nodiscard]] Outcome outcome_after_death(const AttemptId& id, int wait_status) const;
  void watch_stops();
  void reach(const LimitWatch::Reached& reached);
  [[nodiscard]] std::deque<Job>::iterator find(const AttemptId& id);

  void watch_jobs();
  void watch_output();
  void order(const protocol::ToChild& order);
  // Of what has come, about so many bytes at most: the loop has others to serve.
  void read_jobs(std::size_t most);
  void read_output(std::size_t most);
  [[nodiscard]] Result<void> handle_messages();
  void handle(const protocol::Ended& ended);
  void handle(const protocol::Returned& returned);
  void handle(const protocol::Progressed& progressed);

  struct Stop {
    AttemptId id;
    TimePoint kill_at;
  };
  // The attempt because of which the child was killed: it was stopped, or it passed this hard limit.
  struct Kill {
    AttemptId id;
    std::optional<std::chrono::milliseconds> limit;
  };

  boost::asio::io_context& loop_;
  const SlotEvents& events_;
  const ProcessSlotOptions& options_;
  SharedMark mark_;
  std::optional<pid_t> child_;
  boost::asio::posix::stream_descriptor jobs_stream_;
  boost::asio::posix::stream_descriptor orders_stream_;
  boost::asio::posix::stream_descriptor output_;
  boost::asio::signal_set deaths_;
  boost::asio::steady_timer restart_;
  boost::asio::steady_timer stop_timer_;
  boost::asio::steady_timer progress_timer_;
  LimitWatch limits_;
  StreamWriter jobs_writer_;
  StreamWriter orders_writer_;
  FrameStream incoming_;
  protocol::Decoder decoder_;
  std::deque<Job> jobs_;  // given to the child, in this order
  std::vector<Stop> stops_;
  std::string tail_;  // the end of the child's output
  std::chrono::milliseconds restart_delay_{0};
  std::size_t given_ = 0;  // jobs given to this child
  bool has_worked_ = false;
  bool is_progress_paused_ = false;  // until progress_timer_ expires
  bool is_out_of_memory_ = false;
  std::optional<Kill> kill_;
  std::vector<pid_t> retired_;  // replaced and killed, not reaped yet
};

}  // namespace zebu::consumer
