#include "producer/commands/subcommands.h"
#include "producer/connection/broker_connection.h"
#include "producer/map/line.h"
#include "producer/map/line_writer.h"
#include "producer/map/output.h"
#include "producer/map/run.h"
#include "producer/text/complain.h"
#include "producer/text/progress_bar.h"
#include "producer/text/readable.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <deque>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <limits>
#include <poll.h>
#include <system_error>

namespace zebu::producer {
namespace {

constexpr int kExitBrokenPipe = 128 + SIGPIPE;
// The delay after a refusal for want of room that did not name one.
constexpr std::chrono::milliseconds kRetryAfter{100};
// How many refused jobs to submit again after the delay, when no job of ours has ended and made room.
constexpr std::size_t kTries = 256;

// nullopt after an error, which has been reported.
std::optional<Descriptor> open_input(const std::string& name) {
  const int number =
      name == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (number < 0) {
    complain("cannot open " + name + ": " + std::generic_category().message(errno));
    return std::nullopt;
  }
  return Descriptor(number);
}

std::optional<std::uint64_t> size_of_file(int descriptor) {
  struct stat facts {};
  if (::fstat(descriptor, &facts) != 0 || !S_ISREG(facts.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(facts.st_size);
}

bool is_same_file(int input, const std::string& output) {
  struct stat in {};
  struct stat out {};
  return output != "-" && ::fstat(input, &in) == 0 && S_ISREG(in.st_mode) && ::stat(output.c_str(), &out) == 0 &&
         in.st_dev == out.st_dev && in.st_ino == out.st_ino;
}

// For now: the queue, or the broker's store.
bool is_full(const MapEnded& ended) {
  if (ended.outcome) return false;
  const ErrorCode code = ended.outcome.error().code;
  return code == ErrorCode::queue_full || code == ErrorCode::store_full;
}

// The main thread's side of a MapRun: writes results, submits jobs again that were refused for want of room, shows
// progress.
class Mapping {
 public:
  Mapping(MapRun& run, LineWriter& writer, const MapOutput& output, std::optional<std::uint64_t> input_size,
          Interrupt& interrupt)
      : run_(run), writer_(writer), output_(output), interrupt_(interrupt) {
    progress_.input_size = input_size;
  }

  // Runs until all lines are done, Ctrl-C, or the output fails. Returns the exit code; nullopt after Ctrl-C.
  std::optional<int> run() {
    Result<void> written;
    while (written && !run_.is_finished()) {
      if (is_stopped_while_waiting()) return stopped(), std::nullopt;
      written = write_ended();
      if (Clock::now() >= retry_at_) submit_refused(kTries);
      show();
    }
    bar_.clear();
    if (!written) return output_failed(written.error());
    return summed_up();
  }

 private:
  void show() {
    const SkippedLines skipped = run_.skipped();
    progress_.in_flight = run_.in_flight();
    progress_.skipped = skipped.count;
    progress_.input_bytes = done_bytes_ + skipped.bytes;
    progress_.elapsed = elapsed();
    bar_.update(progress_);
  }

  bool is_stopped_while_waiting() {
    std::array<pollfd, 2> watched{pollfd{interrupt_.descriptor(), POLLIN, 0}, pollfd{run_.descriptor(), POLLIN, 0}};
    ::poll(watched.data(), watched.size(), wait_ms());
    return watched[0].revents != 0;
  }

  [[nodiscard]] int wait_ms() const {
    auto wait = bar_.pace().value_or(std::chrono::milliseconds(-1));
    if (!refused_.empty()) {
      const auto due = std::chrono::ceil<std::chrono::milliseconds>(retry_at_ - Clock::now());
      if (wait.count() < 0 || due < wait) wait = std::max(due, std::chrono::milliseconds(0));
    }
    return static_cast<int>(wait.count());
  }

  Result<void> write_ended() {
    std::size_t made_room = 0;
    for (const MapEnded& ended : run_.take()) {
      if (is_full(ended)) {
        const auto after = ended.outcome.error().retry_after;
        retry_at_ = Clock::now() + (after.count() > 0 ? after : kRetryAfter);
        refused_.push_back(ended.item);
        continue;
      }
      ++made_room;
      writer_.add(output_line(ended.item->line, !ended.item->arguments.args.empty(), ended.outcome));
      count(ended);
      // A line keeps its place in the window until it is written, so that a slow output slows down the reading.
      run_.release(ended.item);
      if (writer_.is_full()) {
        if (auto written = writer_.flush(); !written) return written;
      }
    }
    // Each job of ours that ended made room for another one.
    submit_refused(made_room);
    return writer_.flush();
  }

  void count(const MapEnded& ended) {
    ++progress_.done;
    done_bytes_ += ended.item->line.bytes;
    if (ended.outcome && ended.outcome->state == JobState::succeeded) return;
    ++progress_.failed;
  }

  void submit_refused(std::size_t count) {
    for (; count > 0 && !refused_.empty(); --count) {
      run_.submit_again(refused_.front());
      refused_.pop_front();
    }
  }

  // Ends or leaves the jobs in flight. Returns what happens to them, in words for the user.
  std::string end_jobs() {
    const std::uint64_t in_flight = run_.in_flight();
    const std::string jobs = counted(in_flight, "job") + " in flight ";
    if (run_.has_unique_jobs()) {
      run_.stop();
      return jobs + (in_flight == 1 ? "continues" : "continue") +
             ", because others may wait for them by their unique keys";
    }
    if (const auto cancelled = run_.cancel_all(); !cancelled) {
      return jobs + "may continue (cannot cancel them: " + cancelled.error().message + ")";
    }
    forget_run(output_);  // a resumed map need not find cancelled jobs
    return jobs + are(in_flight) + " cancelled";
  }

  void stopped() {
    bar_.clear();
    (void)write_ended();   // best effort: we stop either way
    interrupt_.release();  // a second Ctrl-C waits for nothing
    const std::uint64_t lines = writer_.written();
    complain("stopped: " + counted(lines, "line") + ' ' + are(lines) + " done and written, " + end_jobs() +
             (output_.run_file.empty() ? "" : "; run the same command with --resume to continue"));
  }

  int output_failed(const Error& error) {
    const std::string jobs = end_jobs();
    if (error.code == ErrorCode::closed) return kExitBrokenPipe;
    complain("cannot write the output: " + error.message + " (" + counted(writer_.written(), "line") + " written; " +
             jobs + ")");
    return 1;
  }

  int summed_up() {
    forget_run(output_);
    const double seconds = std::chrono::duration<double>(elapsed()).count();
    const std::uint64_t skipped = run_.skipped().count;
    complain(count_text(progress_.done) + " done in " + fixed_text(seconds, 2) + " s (" +
             rate_text(seconds > 0 ? static_cast<double>(progress_.done) / seconds : 0) + "), " +
             count_text(progress_.failed) + " failed" +
             (skipped > 0 ? ", " + count_text(skipped) + " already in the output" : ""));
    if (output_.failed > 0) {
      complain(counted(output_.failed, "line") +
               " of the output did not succeed in an earlier run: submit them again with "
               "--resume --retry-failed");
    }
    const auto input_error = run_.input_error();
    if (input_error) complain("cannot read the input: " + input_error->message);
    const std::uint64_t unmatched = input_error ? 0 : run_.unmatched();
    if (unmatched > 0) complain(counted(unmatched, "line") + " of the output without a matching line in this input");
    return progress_.failed + output_.failed > 0 || input_error ? 1 : 0;
  }

  [[nodiscard]] std::chrono::microseconds elapsed() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin_);
  }

  MapRun& run_;
  LineWriter& writer_;
  const MapOutput& output_;
  Interrupt& interrupt_;
  const TimePoint begin_ = Clock::now();
  MapProgress progress_;
  std::uint64_t done_bytes_ = 0;  // of the input
  ProgressBar bar_;
  std::deque<MapItemPtr> refused_;  // for want of room
  TimePoint retry_at_{};
};

// The session ends with it, after the cancels have left.
std::optional<int> run_lines(std::unique_ptr<Client> client, const MapOptions& options, int input, MapOutput& output,
                             Interrupt& interrupt) {
  LineWriter writer(output.file.get(), interrupt.descriptor());
  MapRun map_run(std::move(client), options, input, output.run, std::move(output.done));
  return Mapping(map_run, writer, output, size_of_file(input), interrupt).run();
}

}  // namespace

int run(const CommonOptions& common, const MapOptions& options) {
  const auto input = open_input(options.input);  // of a named pipe it may wait, and Ctrl-C ends that
  if (!input) return 1;
  if (is_same_file(input->get(), options.output)) {
    complain("input and output are the same file, " + options.output);
    return 2;
  }
  // The run bounds what is in flight itself, and its thread that submits must not wait for the broker: it has to stop.
  ClientOptions limits;
  limits.max_unanswered_jobs = limits.max_unanswered_bytes = std::numeric_limits<std::size_t>::max();
  Interrupt interrupt;
  auto client = connect(common, std::move(limits), &interrupt);
  if (!client) return 1;
  // Who opens a named pipe waits for its reader, and Ctrl-C ends that.
  std::error_code unknown;
  const bool may_wait = std::filesystem::is_fifo(options.output, unknown);
  if (may_wait) interrupt.release();
  auto output = open_map_output(options);
  if (may_wait) interrupt.hold();
  if (interrupt.is_raised()) interrupt.die();
  if (!output) {
    complain(output.error().message);
    return output.error().code == ErrorCode::bad_value ? 2 : 1;
  }
  const auto code = run_lines(std::move(client), options, input->get(), *output, interrupt);
  if (!code) interrupt.die();
  return *code;
}

}  // namespace zebu::producer
