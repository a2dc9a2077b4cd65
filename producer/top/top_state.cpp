#include "producer/top/top_state.h"

#include "producer/connection/answers.h"

#include <algorithm>
#include <array>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;
using Sort = TopState::Sort;

constexpr std::array<JobState, 5> kStates = {JobState::running, JobState::failed, JobState::queued, JobState::scheduled,
                                             JobState::succeeded};
constexpr std::size_t kPage = 10;

double number_of(const Json& queue, const char* key) {
  const auto found = queue.find(key);
  return found != queue.end() && found->is_number() ? found->get<double>() : 0;
}

// What the queues are ordered by, the largest first.
double weight(const Json& queue, Sort sort) {
  switch (sort) {
    case Sort::running:
      return number_of(queue, "running");
    case Sort::failed:
      return number_of(queue, "failed");
    case Sort::in:
      return number_of(queue, "in_rate");
    case Sort::out:
      return number_of(queue, "out_rate");
    case Sort::oldest:
      return number_of(queue, "oldest_ms");
    case Sort::backlog:
      return number_of(queue, "queued") + number_of(queue, "scheduled") + number_of(queue, "running");
    case Sort::name:
      break;
  }
  return 0;
}

}  // namespace

std::string to_string(Sort sort) {
  constexpr std::array<const char*, 7> kNames = {"backlog", "name", "running", "failed", "in", "out", "oldest"};
  return kNames.at(static_cast<std::size_t>(sort));
}

std::vector<Json> sorted_queues(const Json& queues, Sort sort, bool is_reversed) {
  std::vector<Json> sorted(queues.begin(), queues.end());
  std::stable_sort(sorted.begin(), sorted.end(), [&](const Json& a, const Json& b) {
    const double of_a = weight(a, sort);
    const double of_b = weight(b, sort);
    return of_a != of_b ? of_a > of_b : cell(a, "name") < cell(b, "name");
  });
  if (is_reversed) std::reverse(sorted.begin(), sorted.end());
  return sorted;
}

std::size_t TopState::row(std::size_t rows) const { return rows == 0 ? 0 : std::min(row_, rows - 1); }

bool TopState::press(Key key, const TopData& data) {
  if (key == 'q' || key == 'Q') return false;
  if (key == 'h' || key == '?') {
    if (view_ != View::help) before_help_ = view_;
    go(view_ == View::help ? before_help_ : View::help);
    return true;
  }
  if (view_ == View::help && key != keys::kBack) return true;
  return press_in_view(key, data);
}

bool TopState::press_in_view(Key key, const TopData& data) {
  const std::size_t rows = view_ == View::overview ? data.queues.size()
                           : view_ == View::jobs   ? data.jobs.size()
                                                   : 10'000;
  row_ = row(rows);
  if (key == keys::kEnter) {
    open(data);
  } else if (key == keys::kBack) {
    back();
  } else if (key == 's' && view_ == View::overview) {
    sort_ = static_cast<Sort>((static_cast<int>(sort_) + 1) % 7);
  } else if (key == 'r' && view_ == View::overview) {
    is_reversed_ = !is_reversed_;
  } else if (key == 'f' && view_ == View::jobs) {
    const auto* now = std::find(kStates.begin(), kStates.end(), wish_.state);
    wish_.state = now + 1 == kStates.end() || now == kStates.end() ? kStates.front() : *(now + 1);
    row_ = 0;
  } else {
    move(key);
    row_ = row(rows);
  }
  return true;
}

void TopState::go(View view) {
  view_ = view;
  row_ = view == View::overview ? queue_row_ : view == View::jobs ? job_row_ : 0;
}

void TopState::open(const TopData& data) {
  if (view_ == View::overview && !data.queues.empty()) {
    queue_row_ = row_;
    job_row_ = 0;
    wish_.queue = cell(sorted_queues(data.queues, sort_, is_reversed_)[row_], "name");
    go(View::jobs);
  } else if (view_ == View::jobs && data.jobs.is_array() && !data.jobs.empty()) {
    job_row_ = row_;
    wish_.job = cell(data.jobs[row_], "id");
    go(View::job);
  }
}

void TopState::back() {
  if (view_ == View::help) return go(before_help_);
  if (view_ == View::job) {
    wish_.job.clear();
    go(View::jobs);
  } else if (view_ == View::jobs) {
    wish_ = {};
    go(View::overview);
  }
}

void TopState::move(Key key) {
  if (key == keys::kUp || key == 'k') row_ -= std::min<std::size_t>(row_, 1);
  if (key == keys::kDown || key == 'j') ++row_;
  if (key == keys::kPageUp) row_ -= std::min(row_, kPage);
  if (key == keys::kPageDown || key == ' ') row_ += kPage;
  if (key == keys::kHome) row_ = 0;
  if (key == keys::kEnd) row_ = SIZE_MAX - kPage;
}

}  // namespace zebu::producer
