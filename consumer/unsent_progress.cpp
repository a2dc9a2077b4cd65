#include "consumer/unsent_progress.h"

#include "zebu/progress.h"

namespace zebu::consumer {
namespace {

// While the broker is away, more output than this is not kept for it.
constexpr std::size_t kMaxOutputBytes = 16U << 20;

}  // namespace

void UnsentProgress::add(const Told& told) {
  Progress& all = told_[told.id];
  output_bytes_ -= all.output.size();
  const bool has_room = output_bytes_ + kMaxOutput <= kMaxOutputBytes;
  append(all, told.progress.done, told.progress.note, has_room ? Bytes(told.progress.output) : Bytes());
  output_bytes_ += all.output.size();
}

void UnsentProgress::send(std::size_t max_message, const std::function<void(Frame)>& send) {
  if (told_.empty()) return;
  Batch batch(message::Type::progress);
  const std::size_t header = batch.size();
  for (const auto& [id, progress] : told_) {
    message::ProgressReport report = report_of(id, progress);
    // A broker that takes small messages only hears how much is done, at least.
    if (header + wire_size(report) > max_message) report.note = report.output = {};
    if (batch.is_full(wire_size(report), max_message)) send(batch.finish());
    batch.add(report);
  }
  send(batch.finish());
  told_.clear();
  output_bytes_ = 0;
}

}  // namespace zebu::consumer
