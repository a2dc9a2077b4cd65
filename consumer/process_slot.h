#pragma once

#include "child.h"
#include "frame_stream.h"
#include "slot.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <string>

namespace zebu::consumer {

struct ProcessSlotOptions {
  std::string program;                     // argv[0] of the children
  std::chrono::milliseconds cancel_grace;  // what a task that sees its token has, before its process is killed
};

// A slot that is a child process: a task that crashes, hangs or eats the memory loses its own attempt and nothing else.
// A child that dies is replaced: at once, or after a growing delay when children die without having been given work.
//
//   jobs ──► Assign frames ──► child: reader ─► worker ──► OutcomeReport frames ──► events
class ProcessSlot : public Slot {
 public:
  // loop, events and options outlive the slot. Starts the first child.
  ProcessSlot(boost::asio::io_context& loop, const SlotEvents& events, const ProcessSlotOptions& options,
              SharedMark mark);
  // Kills and reaps the child.
  ~ProcessSlot() override;

  [[nodiscard]] bool can_take() const override { return child_.pid != 0; }
  [[nodiscard]] std::size_t load() const override { return jobs_.size(); }
  void give(std::vector<Job> jobs) override;
  void recall() override;
  void stop(const AttemptId& id) override;
  void list(std::vector<AttemptId>& into) const override;

 private:
  void start();
  void start_later();
  void watch_death();
  void reap();
  void bury(int wait_status);
  [[nodiscard]] std::vector<Finished> take_ended(std::deque<Job>& lost, int wait_status);
  [[nodiscard]] Outcome epitaph(int wait_status) const;
  void watch_stops();
  [[nodiscard]] std::deque<Job>::iterator find(const AttemptId& id);

  void watch_socket();
  void watch_output();
  void write();
  void read_socket();
  void read_output();
  void handle_messages();
  void handle_outcomes(const message::OutcomeReport& report);
  void handle_recalled(const message::Return& recalled);

  struct Stop {
    AttemptId id;
    TimePoint kill_at;
  };

  boost::asio::io_context& loop_;
  const SlotEvents& events_;
  const ProcessSlotOptions& options_;
  SharedMark mark_;
  Child child_;  // pid 0: none
  boost::asio::posix::stream_descriptor socket_;
  boost::asio::posix::stream_descriptor output_;
  boost::asio::signal_set deaths_;
  boost::asio::steady_timer restart_;
  boost::asio::steady_timer stop_timer_;
  FrameStream incoming_;
  std::string outgoing_;  // empty unless the socket is full
  bool is_writing_ = false;
  Decoder decoder_;
  std::deque<Job> jobs_;  // what the child has, in the order in which it was given
  std::vector<Stop> stops_;
  std::string tail_;  // the end of what the child printed
  std::chrono::milliseconds restart_delay_{0};
  bool has_worked_ = false;
  bool is_killed_for_stop_ = false;
};

}  // namespace zebu::consumer
