#include <zebu/stop_signal.h>

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <broker_connection.h>
#include <cerrno>
#include <commands.h>
#include <csignal>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <iostream>
#include <line_writer.h>
#include <map_run.h>
#include <poll.h>
#include <progress_bar.h>
#include <readable.h>
#include <value_json.h>

namespace zebu::producer {
namespace {

constexpr int kExitStopped = 128 + SIGINT;
constexpr int kExitBrokenPipe = 128 + SIGPIPE;
// When a full queue does not say how long to wait.
constexpr std::chrono::milliseconds kRetryAfter{100};
// So many refused jobs are tried when nothing but time says that there may be room again.
constexpr std::size_t kTries = 256;

// `standard` where the name is "-". Nothing after an error was told.
std::optional<FileDescriptor> open_file(const std::string& name, int standard, int flags) {
  const int number =
      name == "-" ? ::fcntl(standard, F_DUPFD_CLOEXEC, 0) : ::open(name.c_str(), flags | O_CLOEXEC, 0666);
  if (number < 0) {
    complain("cannot open " + name + ": " + std::strerror(errno));
    return std::nullopt;
  }
  return FileDescriptor(number);
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

std::string output_line(const MapEnded& ended) {
  const Line& line = ended.item->line;
  const bool is_job = !ended.item->args.empty();
  std::string text = "{\"input\":";
  text += is_job ? line.text : line.is_too_long ? "null" : json_string(line.text);
  if (!is_job) text += ",\"line\":" + std::to_string(line.number);
  return text + ',' + outcome_fields(ended.outcome) + '}';
}

bool is_queue_full(const MapEnded& ended) {
  return !ended.outcome && ended.outcome.error().code == ErrorCode::queue_full;
}

// The owner's side of a MapRun: writes what ends, retries what a full queue refused, shows how far it is.
class Mapping {
 public:
  Mapping(MapRun& run, LineWriter& writer, std::optional<std::uint64_t> input_size, int stop)
      : run_(run), writer_(writer), stop_(stop) {
    progress_.input_size = input_size;
  }

  // Until all lines are done, Ctrl-C, or the output fails; the exit code.
  int run() {
    Result<void> written;
    while (written && !run_.is_finished()) {
      if (is_stopped_while_waiting()) return stopped();
      written = write_ended();
      if (Clock::now() >= retry_at_) submit_refused(kTries);
      progress_.under_way = run_.under_way();
      progress_.elapsed = elapsed();
      bar_.update(progress_);
    }
    bar_.clear();
    if (!written) return output_failed(written.error());
    return summed_up();
  }

 private:
  bool is_stopped_while_waiting() {
    std::array<pollfd, 2> watched{pollfd{stop_, POLLIN, 0}, pollfd{run_.descriptor(), POLLIN, 0}};
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
      if (is_queue_full(ended)) {
        const auto after = ended.outcome.error().retry_after;
        retry_at_ = Clock::now() + (after.count() > 0 ? after : kRetryAfter);
        refused_.push_back(ended.item);
        continue;
      }
      ++made_room;
      writer_.add(output_line(ended));
      count(ended);
      // A line keeps its place in the window until it is written, so that a slow output stops the reading.
      run_.release(ended.item);
      if (writer_.is_full()) {
        if (auto written = writer_.flush(); !written) return written;
      }
    }
    // Each of our jobs that ended made room for one.
    submit_refused(made_room);
    return writer_.flush();
  }

  void count(const MapEnded& ended) {
    ++progress_.done;
    progress_.input_bytes += ended.item->line.bytes;
    if (ended.outcome && ended.outcome->state == JobState::succeeded) return;
    ++progress_.failed;
  }

  void submit_refused(std::size_t count) {
    for (; count > 0 && !refused_.empty(); --count) {
      run_.submit_again(refused_.front());
      refused_.pop_front();
    }
  }

  int stopped() {
    bar_.clear();
    (void)write_ended();  // as far as it goes: we stop either way
    const std::size_t cancelled = run_.cancel_all();
    complain("stopped: " + count_text(writer_.written()) + " lines are done and written, " + count_text(cancelled) +
             " jobs under way are cancelled");
    return kExitStopped;
  }

  int output_failed(const Error& error) {
    run_.cancel_all();
    if (error.code == ErrorCode::closed) return kExitBrokenPipe;
    complain("cannot write the output: " + error.message + " (" + count_text(writer_.written()) +
             " lines are written; the jobs under way are cancelled)");
    return 1;
  }

  int summed_up() {
    const double seconds = std::chrono::duration<double>(elapsed()).count();
    complain(count_text(progress_.done) + " done in " + fixed_text(seconds, 2) + " s (" +
             rate_text(seconds > 0 ? static_cast<double>(progress_.done) / seconds : 0) + "), " +
             count_text(progress_.failed) + " failed");
    const auto input_error = run_.input_error();
    if (input_error) complain("cannot read the input: " + input_error->message);
    return progress_.failed > 0 || input_error ? 1 : 0;
  }

  [[nodiscard]] std::chrono::microseconds elapsed() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin_);
  }

  MapRun& run_;
  LineWriter& writer_;
  int stop_;
  const TimePoint begin_ = Clock::now();
  Progress progress_;
  ProgressBar bar_;
  std::deque<MapItemPtr> refused_;  // by a full queue
  TimePoint retry_at_{};
};

}  // namespace

int run(const CommonOptions& common, const MapOptions& options) {
  const StopSignal stop;
  const auto input = open_file(options.input, STDIN_FILENO, O_RDONLY);
  if (!input) return 1;
  if (is_same_file(input->get(), options.output)) {
    complain("input and output are the same file, " + options.output);
    return 2;
  }
  auto client = connect(common);
  if (!client) return 1;
  const auto output = open_file(options.output, STDOUT_FILENO, O_WRONLY | O_CREAT | O_TRUNC);
  if (!output) return 1;
  LineWriter writer(output->get(), stop.descriptor());
  MapRun map_run(std::move(client), options, input->get());
  return Mapping(map_run, writer, size_of_file(input->get()), stop.descriptor()).run();
}

}  // namespace zebu::producer
