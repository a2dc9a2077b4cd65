#pragma once

#include <zebu/client.h>

#include <condition_variable>
#include <file_descriptor.h>
#include <line_reader.h>
#include <memory>
#include <mutex>
#include <producer_options.h>
#include <thread>
#include <unordered_set>
#include <vector>

namespace zebu::producer {

// A line of the input on its way through.
struct MapItem {
  Line line;
  std::string args;  // kept, because a full queue makes us submit again
  JobId job;         // guarded by MapRun's mutex
};
using MapItemPtr = std::shared_ptr<MapItem>;  // shared by the client's callback and the run

// What became of one line: an outcome, or the error of a line that is no job.
struct MapEnded {
  MapItemPtr item;
  Result<Outcome> outcome;
};

// The jobs of one `map`: a thread reads lines and submits them while there is room in the window, the client's thread
// brings the outcomes, the owner's thread takes them. A line has its place in the window until it is released, so that
// memory is bounded whichever side is slow.
class MapRun {
 public:
  // `input` stays the caller's.
  MapRun(std::unique_ptr<Client> client, const MapOptions& options, int input);
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
  // Why reading ended before the end of the input.
  [[nodiscard]] std::optional<Error> input_error() const;
  // Reads no more, and asks the broker to end what is under way; returns how many jobs that were.
  std::size_t cancel_all();

 private:
  void read_lines(int input);
  [[nodiscard]] bool wait_for_room();
  void enter(Line line);
  void submit(const MapItemPtr& item);
  void add_ended(MapItemPtr item, const Result<Outcome>& outcome);
  void stop_reading();
  void wake();

  const MapOptions options_;
  FileDescriptor wake_;
  FileDescriptor stop_;
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
