#include "webfront/job_feed.h"

#include "zebu/progress.h"
#include "zebu/wire/codec.h"

#include <utility>

namespace zebu::webfront {

JobFeed::JobFeed(Gateway& gateway, const JobId& id, const json::JobGlance& known, MayKeep may_keep,
                 Interrupt& interrupt)
    : gateway_(gateway),
      may_keep_(std::move(may_keep)),
      pause_(gateway.session_.loop(), &interrupt),
      place_(gateway.feeds_.insert(gateway.feeds_.end(), this)) {
  // Between what is known and the beginning of the wait something may have happened.
  news_.needs_look = true;
  news_.is_away = !gateway.session_.is_up();
  ticket_ = gateway.session_.wait(id, [this](const Result<Outcome>& outcome) { take_outcome(outcome); });
  gateway.session_.on_progress(
      *ticket_, [this](std::uint32_t attempt, const Progress& progress) { take_progress(attempt, progress); });
  watch_ = gateway.states_.join(id, known, [this](const json::JobGlance& now) {
    news_.state = now;
    pause_.wake();
  });
}

JobFeed::~JobFeed() {
  gateway_.feeds_.erase(place_);
  gateway_.states_.leave(watch_);
  if (ticket_) gateway_.session_.leave(*ticket_);
}

bool JobFeed::has_news() const {
  return news_.is_away || news_.needs_look || news_.is_too_large || news_.state || news_.report || news_.outcome;
}

boost::asio::awaitable<JobFeed::News> JobFeed::next(TimePoint deadline) {
  while (!has_news() && !pause_.is_interrupted() && Clock::now() < deadline) co_await pause_.until(deadline);
  co_return std::exchange(news_, {});
}

void JobFeed::note(const json::JobGlance& known) { gateway_.states_.note(watch_, known); }

void JobFeed::look_again() { news_.needs_look = true; }

void JobFeed::take_progress(std::uint32_t attempt, const Progress& progress) {
  if (!news_.report || news_.report->attempt != attempt) news_.report = News::Report{attempt, {}};
  Progress& gathered = news_.report->progress;
  const bool has_output = !gathered.output.empty() && !progress.output.empty();
  const std::uint64_t end = gathered.offset + gathered.output.size();
  // What is before a gap would be lost.
  if (has_output && progress.offset > end) look_again();
  append(gathered, progress);
  if (!may_keep_(gathered.output.size())) {
    gathered.offset += gathered.output.size();
    std::string().swap(gathered.output);
    // The reader gets it when it reads again. If it reads, then others do not, and it sees by the offset what is
    // missing.
    if (is_busy_) look_again();
  }
  note({JobState::running, attempt});
  pause_.wake();
}

void JobFeed::take_outcome(const Result<Outcome>& outcome) {
  ticket_.reset();
  const std::size_t output = news_.report ? news_.report->progress.output.size() : 0;
  if (outcome && !may_keep_(output + wire_size(*outcome))) {
    news_.is_too_large = true;
  } else {
    news_.outcome = outcome;
  }
  pause_.wake();
}

void JobFeed::changed(bool is_up) {
  // What has come is told again.
  news_.state.reset();
  news_.report.reset();
  news_.is_away = !is_up;
  news_.needs_look = is_up;
  pause_.wake();
}

}  // namespace zebu::webfront
