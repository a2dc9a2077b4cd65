#include "consumer/slots/process/slot.h"
#include "consumer/slots/run_task.h"
#include "zebu/progress.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include <csignal>
#include <unistd.h>

// What goes between a slot and its child: see frame_stream.h.
namespace zebu::consumer {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kTail = 4096;

}  // namespace

void ProcessSlot::watch_socket() {
  socket_.async_wait(asio::posix::stream_descriptor::wait_read, [this, pid = child_.pid](const error_code& error) {
    if (error || pid != child_.pid) return;  // of a child that was replaced meanwhile
    read_socket();
    if (!renew() && socket_.is_open()) watch_socket();
  });
}

void ProcessSlot::read_socket() {
  error_code error;
  char bytes[kReadSize];
  while (!error) {
    const std::size_t count = socket_.read_some(asio::buffer(bytes), error);
    incoming_.append(bytes, count);
    handle_messages();
  }
  if (error == asio::error::would_block) return;
  // A child without its socket is of no use. If it is dying by itself already, this changes nothing.
  socket_.close(error);
  if (child_.pid != 0) ::kill(child_.pid, SIGKILL);
}

void ProcessSlot::handle_messages() {
  while (const auto frame = incoming_.next()) {
    const auto message = decoder_.decode(*frame);
    if (!message) continue;
    has_worked_ = true;
    if (const auto* report = std::get_if<message::OutcomeReport>(&*message)) handle_outcomes(*report);
    if (const auto* told = std::get_if<message::ProgressReports>(&*message)) handle_told(*told);
    if (const auto* recalled = std::get_if<message::Return>(&*message)) handle_recalled(*recalled);
  }
}

void ProcessSlot::handle_outcomes(const message::OutcomeReport& report) {
  std::vector<Finished> finished;
  finished.reserve(report.jobs.size());
  for (const message::Report& entry : report.jobs) {
    const AttemptId id{entry.id, entry.attempt};
    const auto job = find(id);
    if (job == jobs_.end()) continue;
    jobs_.erase(job);
    limits_.remove(id);
    std::erase_if(stops_, [&](const Stop& stop) { return stop.id == id; });
    finished.push_back({id, message::outcome_of(entry)});
    if (entry.error.type == kMemoryLimit) is_out_of_memory_ = true;
  }
  // Who took the memory nobody knows: the next ones have it all for themselves.
  if (is_out_of_memory_ && !jobs_.empty()) recall();
  if (!finished.empty()) events_.finished(*this, std::move(finished));
}

void ProcessSlot::handle_recalled(const message::Return& recalled) {
  std::vector<Job> jobs;
  for (const AttemptId& id : recalled.jobs) {
    const auto job = find(id);
    if (job == jobs_.end()) continue;
    limits_.remove(id);
    jobs.push_back(std::move(*job));
    jobs_.erase(job);
  }
  given_ -= jobs.size();
  events_.returned(*this, std::move(jobs));
}

void ProcessSlot::handle_told(const message::ProgressReports& reports) {
  for (const message::ProgressReport& report : reports.jobs) {
    Told told{{report.id, report.attempt}, {}};
    if (find(told.id) == jobs_.end()) continue;
    append(told.progress, report.done, report.note, report.output);
    events_.told(std::move(told));
  }
  if (std::exchange(is_pausing_, true)) return;
  told_timer_.expires_after(kToldPause);
  told_timer_.async_wait([this](const error_code& error) {
    if (error) return;
    is_pausing_ = false;
    append_frame(outgoing_, encode(message::ProgressReports{}));
    write();
  });
}

void ProcessSlot::write() {
  if (is_writing_ || !socket_.is_open()) return;
  error_code error;
  while (!outgoing_.empty() && !error) {
    outgoing_.erase(0, socket_.write_some(asio::buffer(outgoing_), error));
  }
  if (error != asio::error::would_block) return;  // of a broken socket the child's death will tell
  is_writing_ = true;
  socket_.async_wait(asio::posix::stream_descriptor::wait_write, [this](const error_code& failed) {
    if (failed) return;
    is_writing_ = false;
    write();
  });
}

// What a child prints goes on to our stderr; its end is kept, because it often says why the child died.
void ProcessSlot::watch_output() {
  output_.async_wait(asio::posix::stream_descriptor::wait_read, [this, pid = child_.pid](const error_code& error) {
    if (error || pid != child_.pid) return;
    read_output();
    if (output_.is_open()) watch_output();
  });
}

void ProcessSlot::read_output() {
  error_code error;
  char bytes[kTail];
  while (!error) {
    const std::size_t count = output_.read_some(asio::buffer(bytes), error);
    for (std::size_t sent = 0; sent < count;) {
      const ssize_t n = ::write(STDERR_FILENO, bytes + sent, count - sent);
      if (n <= 0) break;
      sent += static_cast<std::size_t>(n);
    }
    tail_.append(bytes, count);
    if (tail_.size() > kTail) tail_.erase(0, tail_.size() - kTail);
  }
  if (error != asio::error::would_block) output_.close(error);
}

}  // namespace zebu::consumer
