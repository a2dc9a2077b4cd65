#include "producer/commands/job_progress.h"

#include "producer/text/progress_bar.h"
#include "producer/text/readable.h"
#include "producer/text/terminal.h"
#include "zebu/program/visible_text.h"

#include <iostream>
#include <unistd.h>
#include <utility>

namespace zebu::producer {
namespace {

constexpr std::string_view kClearLine = "\r\x1b[K";

}  // namespace

std::string job_progress_text(const Progress& progress, std::size_t columns) {
  std::string text;
  if (progress.done) text += share_bar(*progress.done);
  return shortened(text + visible(progress.note, Lines::one), columns);
}

std::shared_ptr<JobProgress> JobProgress::on_terminal() {
  return ::isatty(STDERR_FILENO) == 1 ? std::make_shared<JobProgress>() : nullptr;
}

void JobProgress::add(std::uint32_t attempt, const Progress& news) {
  const Lock lock(mutex_);
  if (is_finished_) return;
  if (attempt != attempt_) {
    newest_ = {};
    seen_ = 0;
  }
  attempt_ = attempt;
  if (news.done) newest_.done = news.done;
  if (!news.note.empty()) newest_.note = news.note;
  if (!news.output.empty()) {
    if (std::exchange(is_shown_, false)) std::cerr << kClearLine;
    if (news.offset > seen_) {
      std::cerr << (is_line_begun_ ? "\n" : "") << "[" << bytes_text(news.offset - seen_)
                << " of output are missing here]\n";
    }
    seen_ = news.offset + news.output.size();
    std::cerr << visible(news.output, Lines::many);
    is_line_begun_ = news.output.back() != '\n';
  }
  draw();
  std::cerr << std::flush;
}

void JobProgress::draw() {
  if (is_line_begun_ || (!newest_.done && newest_.note.empty())) return;
  // One column stays free: on some terminals, writing to the last one moves the cursor to a new line.
  std::cerr << kClearLine << job_progress_text(newest_, terminal_size(STDERR_FILENO).columns - 1);
  is_shown_ = true;
}

void JobProgress::interrupt(const std::function<void()>& say) {
  const Lock lock(mutex_);
  if (std::exchange(is_shown_, false)) std::cerr << kClearLine;
  if (std::exchange(is_line_begun_, false)) std::cerr << '\n';
  say();
  if (!is_finished_) draw();
  std::cerr << std::flush;
}

void JobProgress::finish() {
  const Lock lock(mutex_);
  is_finished_ = true;
  if (std::exchange(is_shown_, false)) std::cerr << kClearLine << std::flush;
  if (std::exchange(is_line_begun_, false)) std::cerr << std::endl;
}

Client::OnProgress show_on(std::shared_ptr<JobProgress> display) {
  if (display == nullptr) return nullptr;
  return [display = std::move(display)](std::uint32_t attempt, const Progress& news) { display->add(attempt, news); };
}

}  // namespace zebu::producer
