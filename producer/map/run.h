#pragma once

#include "producer/map/done_lines.h"
#include "producer/map/ids.h"
#include "producer/map/line_reader.h"
#include "producer/options/producer_options.h"
#include "zebu/client.h"
#include "zebu/program/descriptor.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <vector>

namespace zebu::producer {

// A line of the input on its way through.
struct MapItem {
  Line line;
  std::string args;  // kept, because a full queue makes us submit again
  JobId job;
};
using MapItemPtr = std::shared_ptr<MapItem>;  // shared by the client's callback and the run

// What became of one line: an outcome, or the error of a line that is no job.
struct MapEnded {
  MapItemPtr item;
  Result<Outcome> outcome;
};

// Lines that were not submitted, because the output has them already.
struct SkippedLines {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

// The jobs of one `map`: a thread reads lines and submits them while there is room in the window, the client's thread
// brings the outcomes, the owner's thread takes them. A line has its place in the window until it is released, so that
// memory is bounded whichever side is slow.
class MapRun {
 public:
  // `input` stays the caller's. `done`: the input fields (map_line.h) of lines to skip. The jobs' ids come from `run`.
  MapRun(std::unique_ptr<Client> client, const MapOptions& options, int input, const Uuid& run, DoneLines done);
  // Stops to read, and says BYE.
  ~MapRun();
  MapRun(const MapRun&) = delete;
  MapRun& operator=(const MapRun&) = delete;

  // Readable when there is something to take, or the input has ended.
  [[nodiscard]] int descriptor() const { return wake_.get(); }
  [[nodiscard]] std::vector<MapEnded> take();
  // Submits the job of a taken line again.
  void submit_again(const MapItemPtr& item);
  // The line is done with.
  void release(const MapItemPtr& item);
  // The input has ended and every line was released.
  [[nodiscard]] bool is_finished() const;
  [[nodiscard]] std::size_t under_way() const;
  [[nodiscard]] SkippedLines skipped() const { return {skipped_, skipped_bytes_}; }
  // How many lines of the output no line of the input has matched. Call it when the run is finished.
  [[nodiscard]] std::uint64_t unmatched() const { return done_.size(); }
  // Why reading ended before the end of the input.
  [[nodiscard]] std::optional<Error> input_error() const;
  // Others may wait for the same jobs.
  [[nodiscard]] bool has_unique_jobs() const;
  // Reads no more; what is under way goes on.
  void stop();
  // The same, but asks the broker to end what is under way, until it has heard all of that. Errors: as of a query.
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
  DoneLines done_;  // the reader's
  std::atomic<std::uint64_t> skipped_ = 0;
  std::atomic<std::uint64_t> skipped_bytes_ = 0;
  Descriptor wake_;
  Descriptor stop_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::unordered_set<MapItemPtr> under_way_;
  std::uint64_t bytes_under_way_ = 0;
  std::vector<MapEnded> ended_;
  std::optional<Error> input_error_;
  bool at_end_ = false;
  bool stopping_ = false;
  std::unique_ptr<Client> client_;
  std::thread reader_;  // uses all of the above
};

}  // namespace zebu::producer
