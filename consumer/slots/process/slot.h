#pragma once

#include "consumer/slots/limit_watch.h"
#include "consumer/slots/process/child.h"
#include "consumer/slots/process/children.h"
#include "consumer/slots/process/frame_stream.h"
#include "consumer/slots/process/protocol.h"
#include "consumer/slots/process/stream_writer.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
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
  bool has_hooks = false;                    // a child takes no job before it has run them
};

// A slot that is a child process: a task that crashes, hangs or exhausts the memory costs its own attempt and nothing
// else. A child that dies is replaced: at once, or after a growing delay if children die before they have done any
// work. A child that has run out of memory, or has been given max_jobs, is replaced as soon as it has no job.
//
// A task may do anything to its child, so every wait for the child ends: what it sends is checked, what its mark says
// is compared with what it was given, and a child that does not do what it is told is killed.
//
//   jobs ────────────► RUN ───────────────► child's worker ──► PROGRESSED, ENDED ──► events
//   stops, limits ───► STOP, SOFT_LIMIT ──► child's main thread
class ProcessSlot : public Slot {
 public:
  // loop, events, options and children outlive the slot. Starts the first child.
  ProcessSlot(boost::asio::io_context& loop, const SlotEvents& events, const ProcessSlotOptions& options,
              Children& children);
  // Kills the child, which `children` reaps.
  ~ProcessSlot() override;

  [[nodiscard]] bool is_alive() const override { return child_ && (is_ready_ || !options_.has_hooks); }
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
  void reaped(int wait_status);
  void close_streams();
  [[nodiscard]] bool is_used_up() const;
  [[nodiscard]] bool renew();
  void replace();

  void handle_death(int wait_status);
  // What is known of a child that has died.
  struct Death {
    int wait_status;
    AttemptId last;                  // the attempt that began last
    std::optional<Running> running;  // the one that ran
  };
  [[nodiscard]] Death death(int wait_status) const;
  [[nodiscard]] std::vector<Finished> take_ended(std::deque<Job>& lost, const Death& death);
  [[nodiscard]] Outcome crashed(int wait_status, bool has_run) const;
  [[nodiscard]] Outcome outcome_after_death(const AttemptId& id, const Death& death) const;
  void watch_stops();
  struct Seen {
    std::optional<Running> running;
    bool is_garbled = false;  // the mark says what cannot be
  };
  [[nodiscard]] Seen see() const;
  void look_soon();
  void look_after(std::chrono::milliseconds time);
  void look();
  void closed_by_child();
  void reach(const LimitWatch::Reached& reached);
  [[nodiscard]] std::deque<Job>::iterator find(const AttemptId& id);

  void watch_jobs();
  void watch_orders();
  void watch_output();
  void order(const protocol::ToChild& order);
  // Of what has come, about so many bytes at most: the loop has others to serve.
  void read_jobs(std::size_t most);
  void read_output(std::size_t most);
  [[nodiscard]] Result<void> handle_messages();
  void retire();
  void handle(const protocol::Ended& ended);
  void handle(const protocol::Returned& returned);
  void handle(const protocol::Progressed& progressed);
  void handle(const protocol::Ready& ready);
  void handle(const protocol::StartFailed& failed);

  struct Stop {
    AttemptId id;
    TimePoint kill_at;
  };
  // Why the child was killed.
  struct Kill {
    std::optional<AttemptId> id;                     // because of this attempt: it was stopped, or
    std::optional<std::chrono::milliseconds> limit;  // it passed this hard limit
    std::string why = {};                            // or for another reason: "it sent …"
  };
  void kill_child(Kill kill);

  boost::asio::io_context& loop_;
  const SlotEvents& events_;
  const ProcessSlotOptions& options_;
  Children& children_;
  SharedMark mark_;  // the child's; one that has died may have left somebody who still writes to its own
  std::optional<pid_t> child_;
  TimePoint started_{};  // the child
  boost::asio::posix::stream_descriptor jobs_stream_;
  boost::asio::posix::stream_descriptor orders_stream_;
  boost::asio::posix::stream_descriptor output_;
  boost::asio::steady_timer restart_;
  boost::asio::steady_timer look_timer_;
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
  std::size_t given_ = 0;             // jobs given to this child
  std::size_t messages_ = 0;          // from this child
  std::size_t messages_at_look_ = 0;  // at the last look()
  bool is_ready_ = false;             // it has run its hooks
  bool is_closed_ = false;            // it has closed a stream
  bool is_looking_ = false;           // look_timer_ is set
  bool is_suspicious_ = false;        // at the last look()
  bool has_worked_ = false;
  bool is_progress_paused_ = false;  // until progress_timer_ expires
  bool is_out_of_memory_ = false;
  bool is_garbled_ = false;  // a task has written to a stream
  std::size_t skipped_ = 0;  // bytes of such
  std::optional<Kill> kill_;
  TimePoint killed_at_{};
};

}  // namespace zebu::consumer
