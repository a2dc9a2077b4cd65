#include "producer/text/progress_bar.h"

#include "producer/text/readable.h"

#include <algorithm>
#include <iostream>
#include <unistd.h>
#include <utility>

namespace zebu::producer {
namespace {

constexpr std::chrono::milliseconds kPace{200};
constexpr std::size_t kWidth = 24;

}  // namespace

std::string share_bar(double share) {
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(kWidth));
  std::string text = "[" + std::string(std::min(filled, kWidth), '=');
  if (filled < kWidth) text += '>';
  text.resize(kWidth + 1, ' ');
  return text + "] " + std::to_string(static_cast<int>(share * 100)) + " %  ";
}

std::string progress_text(const MapProgress& progress) {
  std::string text;
  const double seconds = std::chrono::duration<double>(progress.elapsed).count();
  std::optional<double> share;
  if (progress.input_size && *progress.input_size > 0) {
    share = std::min(1.0, static_cast<double>(progress.input_bytes) / static_cast<double>(*progress.input_size));
    text += share_bar(*share);
  }
  text += count_text(progress.done) + " done  ";
  text += rate_text(seconds > 0 ? static_cast<double>(progress.done) / seconds : 0);
  text += "  " + count_text(progress.in_flight) + " in flight";
  if (progress.failed > 0) text += "  " + count_text(progress.failed) + " failed";
  if (progress.skipped > 0) text += "  " + count_text(progress.skipped) + " skipped";
  if (share && *share > 0 && *share < 1) {
    const auto left = std::chrono::seconds(static_cast<long long>(seconds * (1 - *share) / *share + 0.5));
    text += "  " + (left.count() > 0 ? duration_text(left) : "0 s") + " left";
  }
  return text;
}

ProgressBar::ProgressBar() : is_terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressBar::update(const MapProgress& progress) {
  const TimePoint now = Clock::now();
  if (!is_terminal_ || (is_shown_ && now - shown_at_ < kPace)) return;
  std::cerr << "\r" + progress_text(progress) + "\x1b[K" << std::flush;
  is_shown_ = true;
  shown_at_ = now;
}

void ProgressBar::clear() {
  if (std::exchange(is_shown_, false)) std::cerr << "\r\x1b[K" << std::flush;
}

std::optional<std::chrono::milliseconds> ProgressBar::pace() const {
  return is_terminal_ ? std::optional(kPace) : std::nullopt;
}

}  // namespace zebu::producer
