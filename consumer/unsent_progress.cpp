#include "consumer/unsent_progress.h"

#include "zebu/progress.h"
#include "zebu/utf8.h"

namespace zebu::consumer {
namespace {

// While the broker is unreachable, at most this much output is kept. The rest is dropped.
constexpr std::size_t kMaxOutputBytes = 16U << 20;
// What a message has around its one report.
constexpr std::size_t kAround = 32;

}  // namespace

void UnsentProgress::add(const ProgressUpdate& update) {
  Progress& all = unsent_[update.id];
  output_bytes_ -= all.output.size();
  const bool has_room = output_bytes_ + kMaxOutput <= kMaxOutputBytes;
  const Progress& news = update.progress;
  append_at(all, news.offset, news.number, news.done, news.note, has_room ? Bytes(news.output) : Bytes());
  output_bytes_ += all.output.size();
}

void UnsentProgress::send(std::size_t max_part, const std::function<void(Frame)>& send) {
  if (unsent_.empty()) return;
  Batch batch(message::Type::progress);
  const auto add = [&](const message::ProgressReport& report) {
    if (batch.is_full(wire_size(report), max_part)) send(batch.finish());
    batch.add(report);
  };
  for (const auto& [id, progress] : unsent_) {
    message::ProgressReport report = report_of(id, progress);
    std::string_view output = std::exchange(report.output, {});
    // If the limit is too small for the note, the broker receives at least the fraction done.
    if (kAround + wire_size(report) > max_part) report.note = {};
    const std::size_t taken = kAround + wire_size(report);
    const std::size_t room = max_part > taken + 4 ? max_part - taken : 0;  // for a character at least
    while (room > 0 && !output.empty()) {
      report.output = utf8_beginning(output, room);
      output.remove_prefix(report.output.size());
      add(report);
      report.offset += report.output.size();
      report.done.reset();
      report.note = {};
    }
    if (report.output.empty()) add(report);
  }
  send(batch.finish());
  unsent_.clear();
  output_bytes_ = 0;
}

}  // namespace zebu::consumer
