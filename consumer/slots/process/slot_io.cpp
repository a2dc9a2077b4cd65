#include "consumer/slots/process/slot.h"
#include "consumer/slots/run_task.h"
#include "zebu/program/log.h"
#include "zebu/program/log_writer.h"
#include "zebu/utf8.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include <algorithm>

// The streams between a slot and its child: see protocol.h.
namespace zebu::consumer {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kTail = 4096;
// From one child in one round of the loop.
constexpr std::size_t kReadARound = 256U << 10;
// Of a child that sends more bytes than these that are no message, all that it may still say is given up.
constexpr std::size_t kMostGarbage = 1U << 20;

// A process that has lost its jobs still answers when they are recalled: it has none.
bool is_sign_of_work(const protocol::FromChild& message) {
  const auto* returned = std::get_if<protocol::Returned>(&message);
  return returned == nullptr || !returned->jobs.empty();
}

}  // namespace

void ProcessSlot::order(const protocol::ToChild& order) {
  append(orders_writer_.buffer(), order, orders_writer_.frames());
  orders_writer_.write();
}

void ProcessSlot::watch_jobs() {
  jobs_stream_.async_wait(asio::posix::stream_descriptor::wait_read, [this, pid = child_](const error_code& error) {
    if (error || pid != child_) return;  // the child has been replaced
    read_jobs(kReadARound);
    if (!renew() && jobs_stream_.is_open()) watch_jobs();
  });
}

void ProcessSlot::read_jobs(std::size_t most) {
  error_code error;
  char bytes[kReadSize];
  for (std::size_t taken = 0; taken < most && !error;) {
    const std::size_t count = jobs_stream_.read_some(asio::buffer(bytes), error);
    taken += count;
    incoming_.append(bytes, count);
    if (const auto handled = handle_messages(); !handled) {
      kill_child({{}, {}, "it sent " + handled.error().message + " (a task wrote to a descriptor of its slot)"});
      error = asio::error::invalid_argument;
    }
  }
  if (!error || error == asio::error::would_block) return;
  jobs_stream_.close(error);
  closed_by_child();
}

// A task wrote to a descriptor of the slot. What other jobs have sent can still be read, so the child may end the job
// that it runs, and is replaced then.
void ProcessSlot::retire() {
  if (kill_ || std::exchange(is_garbled_, true)) return;
  log_event(Event::slot_garbled, {{"slot", *child_}},
            "slot process {} is replaced when its job has ended: a task wrote to a descriptor of its slot", *child_);
  recall();
}

// Nothing comes this way: a task wrote to the descriptor, or closed it.
void ProcessSlot::watch_orders() {
  orders_stream_.async_wait(asio::posix::stream_descriptor::wait_read, [this, pid = child_](const error_code& error) {
    if (error || pid != child_) return;
    error_code failed;
    char byte = 0;
    if (orders_stream_.read_some(asio::buffer(&byte, 1), failed) > 0) {
      retire();  // what else it writes is not read
      static_cast<void>(renew());
    } else if (failed == asio::error::would_block) {
      watch_orders();
    } else {
      closed_by_child();
    }
  });
}

Result<void> ProcessSlot::handle_messages() {
  while (true) {
    const auto frame = incoming_.next();
    if (!frame) {
      skipped_ += incoming_.skip_garbage();
      if (skipped_ > kMostGarbage) return tl::make_unexpected(frame.error());
      retire();
      continue;
    }
    if (!*frame) return {};
    const auto message = decoder_.from_child(**frame);
    if (!message) return tl::make_unexpected(message.error());
    if (is_sign_of_work(*message)) ++messages_;
    std::visit([this](const auto& each) { handle(each); }, *message);
  }
}

void ProcessSlot::handle(const protocol::Ready&) {
  if (std::exchange(is_ready_, true)) return;
  if (options_.has_hooks) events_.ready();
}

void ProcessSlot::handle(const protocol::StartFailed& failed) {
  log_event(Event::hook_failed, {{"slot", *child_}}, "slot process {} cannot start: a hook of on_start failed: {}",
            *child_, mended_utf8(failed.why));
}

void ProcessSlot::handle(const protocol::Ended& ended) {
  has_worked_ = true;
  std::vector<Finished> finished;
  finished.reserve(ended.jobs.size());
  for (const message::Report& entry : ended.jobs) {
    const AttemptId id{entry.id, entry.attempt};
    const auto job = find(id);
    if (job == jobs_.end()) continue;
    const Task* const task = job->task;
    jobs_.erase(job);
    limits_.remove(id);
    std::erase_if(stops_, [&](const Stop& stop) { return stop.id == id; });
    finished.push_back({id, message::outcome_of(entry), task});
    if (entry.error.type == kMemoryLimit) is_out_of_memory_ = true;
  }
  // It is unknown which job took the memory: the remaining ones get a new process.
  if (is_out_of_memory_ && !jobs_.empty()) recall();
  if (!finished.empty()) events_.finished(*this, std::move(finished));
}

void ProcessSlot::handle(const protocol::Returned& returned) {
  std::vector<Job> jobs;
  for (const AttemptId& id : returned.jobs) {
    const auto job = find(id);
    if (job == jobs_.end()) continue;
    limits_.remove(id);
    jobs.push_back(std::move(*job));
    jobs_.erase(job);
  }
  given_ -= jobs.size();
  events_.returned(*this, std::move(jobs));
}

void ProcessSlot::handle(const protocol::Progressed& progressed) {
  has_worked_ = true;
  for (const message::ProgressReport& report : progressed.jobs) {
    if (find({report.id, report.attempt}) != jobs_.end()) events_.progress(update_of(report));
  }
  if (std::exchange(is_progress_paused_, true)) return;
  progress_timer_.expires_after(kProgressInterval);
  progress_timer_.async_wait([this](const error_code& error) {
    if (error) return;
    is_progress_paused_ = false;
    order(protocol::ReportProgress{});
  });
}

// A child's output is forwarded to our stderr, or dropped where nobody reads that: a child is never held back for
// longer than this loop needs to come round. The end of the output is kept, because it often says why the child died.
void ProcessSlot::watch_output() {
  output_.async_wait(asio::posix::stream_descriptor::wait_read, [this, pid = child_](const error_code& error) {
    if (error || pid != child_) return;
    read_output(kReadARound);
    if (output_.is_open()) watch_output();
  });
}

void ProcessSlot::read_output(std::size_t most) {
  error_code error;
  char bytes[kReadSize];
  for (std::size_t taken = 0; taken < most && !error;) {
    const std::size_t count = output_.read_some(asio::buffer(bytes), error);
    taken += count;
    const std::string_view text(bytes, count);
    LogWriter::of_stderr().add(text);
    tail_ += text.substr(count - std::min(count, kTail));
    if (tail_.size() > kTail) tail_.erase(0, tail_.size() - kTail);
  }
  if (error && error != asio::error::would_block) output_.close(error);
}

}  // namespace zebu::consumer
