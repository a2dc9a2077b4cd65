#include "producer/map/run.h"

#include "producer/connection/job_request.h"
#include "producer/map/line.h"
#include "producer/text/json_arguments.h"

#include <sys/eventfd.h>

namespace zebu::producer {
namespace {

// The broker does not accept longer messages either.
constexpr std::size_t kMaxLine = 16U << 20;
// Long lines would fill the memory before their number fills the window.
constexpr std::uint64_t kMaxBytesInFlight = 64U << 20;
// How long Ctrl-C waits for the broker to read the cancels.
constexpr std::chrono::seconds kCancelTimeout(3);

}  // namespace

MapRun::MapRun(std::unique_ptr<Client> client, const MapOptions& options, int input, const Uuid& run, DoneLines done)
    : options_(options),
      ids_(run, options.task, options.queue),
      done_(std::move(done)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      client_(std::move(client)),
      reader_([this, input] { read_lines(input); }) {}

MapRun::~MapRun() {
  stop_reading();
  if (reader_.joinable()) reader_.join();
  client_.reset();  // its callbacks use the rest
}

void MapRun::read_lines(int input) {
  LineReader reader(input, stop_.get(), kMaxLine);
  Result<std::optional<Line>> line;
  while (wait_for_room()) {
    line = reader.next();
    if (!line || !*line) break;
    if (!(*line)->text.empty() || (*line)->is_too_long) enter(std::move(**line));
  }
  {
    const Lock lock(mutex_);
    at_end_ = true;
    if (!line) input_error_ = line.error();
  }
  wake();
}

bool MapRun::wait_for_room() {
  Lock lock(mutex_);
  room_.wait(lock.native(), [this]() ZEBU_REQUIRES(mutex_) {
    return stopping_ || (in_flight_.size() < options_.window && bytes_in_flight_ < kMaxBytesInFlight);
  });
  return !stopping_;
}

bool MapRun::skip(const Line& line, bool is_job) {
  if (done_.size() == 0 || !done_.take(input_field(line, is_job))) return false;
  ++skipped_;
  skipped_bytes_ += line.bytes;
  return true;
}

void MapRun::enter(Line line) {
  if (skip(line, true)) return;
  auto packed = pack_json_line(line.text, options_.job.keywords);
  if (!packed && skip(line, false)) return;
  const auto item = std::make_shared<MapItem>();
  item->line = std::move(line);
  {
    const Lock lock(mutex_);
    in_flight_.insert(item);
    bytes_in_flight_ += item->line.bytes;
  }
  const std::string at = "line " + std::to_string(item->line.number) + ": ";
  if (item->line.is_too_long) {
    return add_ended(item, fail(ErrorCode::bad_value, at + "longer than 16 MiB"));
  }
  if (!packed) return add_ended(item, fail(ErrorCode::bad_value, at + packed.error().message));
  item->arguments = std::move(*packed);
  item->job = ids_.of(item->line.number, item->arguments.args, item->arguments.kwargs);
  submit(item);
}

void MapRun::submit(const MapItemPtr& item) {
  client_->submit(item->job, job_request(options_.task, item->arguments, options_.queue, options_.job),
                  [this, item](const Result<Outcome>& outcome) { add_ended(item, outcome); });
}

void MapRun::submit_again(const MapItemPtr& item) { submit(item); }

void MapRun::add_ended(MapItemPtr item, const Result<Outcome>& outcome) {
  bool was_empty = false;
  {
    const Lock lock(mutex_);
    was_empty = ended_.empty();
    ended_.push_back({std::move(item), outcome});
  }
  if (was_empty) wake();
}

std::vector<MapEnded> MapRun::take() {
  eventfd_t count = 0;
  ::eventfd_read(wake_.get(), &count);
  const Lock lock(mutex_);
  return std::exchange(ended_, {});
}

void MapRun::release(const MapItemPtr& item) {
  {
    const Lock lock(mutex_);
    in_flight_.erase(item);
    bytes_in_flight_ -= item->line.bytes;
  }
  room_.notify_one();
}

bool MapRun::is_finished() const {
  const Lock lock(mutex_);
  return at_end_ && in_flight_.empty();
}

std::size_t MapRun::in_flight() const {
  const Lock lock(mutex_);
  return in_flight_.size();
}

std::optional<Error> MapRun::input_error() const {
  const Lock lock(mutex_);
  return input_error_;
}

bool MapRun::has_unique_jobs() const { return options_.job.unique_by_args || !options_.job.options.unique.empty(); }

void MapRun::stop() {
  stop_reading();
  reader_.join();
}

Result<void> MapRun::cancel_all() {
  stop();
  {
    const Lock lock(mutex_);
    for (const MapItemPtr& item : in_flight_) client_->cancel(item->job);
  }
  if (const auto connected = client_->wait_connected(std::chrono::milliseconds(0)); !connected) return connected;
  // The broker reads a session's messages in order, so its answer proves that it has read the cancels.
  return client_->query("broker", {}, kCancelTimeout).map([](const std::string&) {});
}

void MapRun::stop_reading() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  room_.notify_all();
  ::eventfd_write(stop_.get(), 1);
}

void MapRun::wake() { ::eventfd_write(wake_.get(), 1); }

}  // namespace zebu::producer
