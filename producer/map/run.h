#pragma once

#include "producer/map/done_lines.h"
#include "producer/map/ids.h"
#include "producer/map/line_reader.h"
#include "producer/options/producer_options.h"
#include "producer/text/json_arguments.h"
#include "zebu/client.h"
#include "zebu/program/descriptor.h"
#include "zebu/thread_annotations.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <thread>
#include <unordered_set>
#include <vector>

namespace zebu::producer {

// An input line and its job.
struct MapItem {
  Line line;
  PackedArguments arguments;  // kept for another submission if the queue is full
  JobId job;
};
using MapItemPtr = std::shared_ptr<MapItem>;  // shared by the client's callback and the run

// The result of one line: its job's outcome, or the error of a line that is not a job.
struct MapEnded {
  MapItemPtr item;
  Result<Outcome> outcome;
};

// Lines that were not submitted, because they are already in the output.
struct SkippedLines {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

// The jobs of one `map`. A reader thread reads lines and submits them while the window has room, the client's thread
// delivers the outcomes, and the owner's thread takes them. A line occupies its place in the window until it is
// released, so that memory is bounded whichever side is slow.
class MapRun {
 public:
  // The caller keeps ownership of `input`. `done`: the input fields (line.h) of lines to skip. The jobs' ids are
  // derived from `run`.
  MapRun(std::unique_ptr<Client> client, const MapOptions& options, int input, const Uuid& run, DoneLines done);
  // Stops reading, and closes the session.
  ~MapRun();
  MapRun(const MapRun&) = delete;
  MapRun& operator=(const MapRun&) = delete;

  // Readable when take() has something to return, or the input has ended.
  [[nodiscard]] int descriptor() const { return wake_.get(); }
  [[nodiscard]] std::vector<MapEnded> take();
  // Submits the job of a taken line again.
  void submit_again(const MapItemPtr& item);
  // Frees the line's place in the window.
  void release(const MapItemPtr& item);
  // The input has ended and every line was released.
  [[nodiscard]] bool is_finished() const;
  [[nodiscard]] std::size_t in_flight() const;
  [[nodiscard]] SkippedLines skipped() const { return {skipped_, skipped_bytes_}; }
  // How many output lines matched no input line. Call it when the run is finished.
  [[nodiscard]] std::uint64_t unmatched() const { return done_.size(); }
  // The error that ended reading before the end of the input.
  [[nodiscard]] std::optional<Error> input_error() const;
  // Whether the jobs have unique keys, so that others may wait for them.
  [[nodiscard]] bool has_unique_jobs() const;
  // Stops reading. The jobs in flight continue.
  void stop();
  // Stops reading, cancels the jobs in flight, and waits until the broker has received the cancels. Errors: those of
  // Client::query.
  [[nodiscard]] Result<void> cancel_all();

 private:
  void read_lines(int input);
  [[nodiscard]] bool wait_for_room();
  [[nodiscard]] bool skip(const Line& line, bool is_job);
  void enter(Line line);
  void submit(const MapItemPtr& item);
  void add_ended(MapItemPtr item, const Result<Outcome>& outcome);
  void stop_reading();
  void wake();

  const MapOptions options_;
  const MapIds ids_;
  DoneLines done_;  // used by the reader thread only, until it ends
  std::atomic<std::uint64_t> skipped_ = 0;
  std::atomic<std::uint64_t> skipped_bytes_ = 0;
  Descriptor wake_;
  Descriptor stop_;
  mutable Mutex mutex_;
  std::condition_variable room_;
  std::unordered_set<MapItemPtr> in_flight_ ZEBU_GUARDED_BY(mutex_);
  std::uint64_t bytes_in_flight_ ZEBU_GUARDED_BY(mutex_) = 0;
  std::vector<MapEnded> ended_ ZEBU_GUARDED_BY(mutex_);
  std::optional<Error> input_error_ ZEBU_GUARDED_BY(mutex_);
  bool at_end_ ZEBU_GUARDED_BY(mutex_) = false;
  bool stopping_ ZEBU_GUARDED_BY(mutex_) = false;
  std::unique_ptr<Client> client_;
  std::thread reader_;  // last: uses all of the above
};

}  // namespace zebu::producer
