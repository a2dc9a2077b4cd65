#include "consumer/unsent_progress.h"

#include "zebu/progress.h"

namespace zebu::consumer {
namespace {

// While the broker is unreachable, at most this much output is kept. The rest is dropped.
constexpr std::size_t kMaxOutputBytes = 16U << 20;

}  // namespace

void UnsentProgress::add(const ProgressUpdate& update) {
  Progress& all = unsent_[update.id];
  output_bytes_ -= all.output.size();
  const bool has_room = output_bytes_ + kMaxOutput <= kMaxOutputBytes;
  const Progress& news = update.progress;
  append_at(all, news.offset, news.number, news.done, news.note, has_room ? Bytes(news.output) : Bytes());
  output_bytes_ += all.output.size();
}

void UnsentProgress::send(std::size_t max_message, const std::function<void(Frame)>& send) {
  if (unsent_.empty()) return;
  Batch batch(message::Type::progress);
  const std::size_t header = batch.size();
  for (const auto& [id, progress] : unsent_) {
    message::ProgressReport report = report_of(id, progress);
    // If the broker's limit is too small for the report, it receives at least the fraction done.
    if (header + wire_size(report) > max_message) report.note = report.output = {};
    if (batch.is_full(wire_size(report), max_message)) send(batch.finish());
    batch.add(report);
  }
  send(batch.finish());
  unsent_.clear();
  output_bytes_ = 0;
}

}  // namespace zebu::consumer
