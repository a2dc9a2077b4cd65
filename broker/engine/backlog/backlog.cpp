#include "broker/engine/backlog/backlog.h"

#include <algorithm>

namespace zebu::broker {
namespace {

constexpr std::size_t kWindowBytes = 64U << 20;
// Jobs in memory of all lines together, in windows: those of lines that run, and what even held ones have.
constexpr std::size_t kAllWindows = 10;
constexpr std::size_t kAllHeldWindows = 32;
constexpr std::size_t kSmallestWindow = 64;
// Scheduled jobs that one read brings into memory. They lie scattered in the store, and commits wait for the read.
constexpr std::size_t kScheduledAtOnce = 1000;
// Scheduled jobs that one look for those to be purged takes.
constexpr std::size_t kSweepAtOnce = 1000;
// Transient jobs at the end of an order are stepped over for so long.
constexpr int kMaxSteps = 1000;

// The last durable job of an order with more than `most` of them; the last one of all stays.
template <class Jobs, class Key>
Job* last_surplus(Jobs& jobs, const Window<Key>& window, std::size_t most) {
  if ((window.jobs <= most && window.bytes <= kWindowBytes) || window.jobs <= 1) return nullptr;
  auto last = jobs.rbegin();
  for (int steps = 0; last != jobs.rend() && last->is_transient() && steps < kMaxSteps; ++steps) ++last;
  return last == jobs.rend() || last->is_transient() ? nullptr : &*last;
}

// Half a window at the least: what is too much then is evicted.
template <class Key, class Ask>
void ask_for_more(Window<Key>& window, std::size_t most, Ask ask) {
  window.is_loading = true;
  window.missed.reset();
  const auto room = [](std::size_t whole, std::size_t taken) {
    return std::max<std::size_t>(whole - std::min(taken, whole / 2), 1);
  };
  ask(*window.edge, room(most, window.jobs), room(kWindowBytes, window.bytes));
}

// Where the store goes on after a load: behind the last one that came, or at what the load could not see.
template <class Key, class Loaded, class KeyOf>
void move_edge(Window<Key>& window, const Loaded& loaded, KeyOf key_of) {
  std::size_t bytes = 0;
  for (const StoredJob& stored : loaded.jobs) bytes += stored.spec->size();
  window.is_loading = false;
  window.edge.reset();
  if (loaded.jobs.size() >= loaded.asked.limit || bytes >= loaded.asked.bytes) {
    window.edge = key_of(loaded.jobs.back());
    ++window.edge->sequence;
  }
  if (window.missed && (!window.edge || *window.missed < *window.edge)) window.edge = window.missed;
  window.missed.reset();
}

}  // namespace

void Backlog::restore(const std::vector<LineName>& lines, bool has_scheduled) {
  for (const LineName& name : lines) {
    Line& line = jobs_.line(name);
    line.window.edge = LineKey{};
    note(line);
    jobs_.touch(line);
  }
  if (has_scheduled) jobs_.schedule_window().edge = ScheduleKey{};
}

// ── lines ───────────────────────────────────────────────────────────────────────────────────────────────────────────

std::size_t Backlog::most(const Line& line) const {
  const std::size_t all = std::max<std::size_t>(jobs_.lines(), 1);
  const std::size_t running = std::max<std::size_t>(all - held_lines_, 1);
  const std::size_t fair = kAllWindows * window_ / (line.is_held ? all : running);
  const std::size_t least = std::min(kSmallestWindow, kAllHeldWindows * window_ / all);
  return std::clamp<std::size_t>(std::max(fair, least), 1, window_);
}

void Backlog::hold(Line& line, bool is_held) {
  if (std::exchange(line.is_held, is_held) == is_held) return;
  is_held ? ++held_lines_ : --held_lines_;
  note(line);
}

void Backlog::left(Line& line, const LineKey& key) {
  line.window.leave(key);
  note(line);
  jobs_.touch(line);
}

Job* Backlog::surplus(Line& line) const { return last_surplus(line.jobs(), line.window, most(line)); }

Job* Backlog::surplus_of_schedule() { return last_surplus(jobs_.schedule(), jobs_.schedule_window(), window_); }

// ── memory ──────────────────────────────────────────────────────────────────────────────────────────────────────────

void Backlog::job_left(const Job& job) {
  if (!batches_.is_settled(job.batch)) just_left_[job.spec->id] = job.batch;
}

void Backlog::settled() {
  std::erase_if(just_left_, [&](const auto& entry) { return batches_.is_settled(entry.second); });
}

// ── reads ───────────────────────────────────────────────────────────────────────────────────────────────────────────

void Backlog::page(std::vector<Read>& out) {
  while (Line* line = noted_.take_first()) {
    auto& window = line->window;
    if (!window.edge || window.is_loading) continue;
    const std::size_t room = most(*line);
    // After a restart what is in memory may all lie behind what is not.
    const bool is_first_missing = line->jobs().empty() || window.is_beyond(line_key(*line->jobs().begin()->spec));
    if (!is_first_missing && (window.jobs > room / 2 || window.bytes > kWindowBytes / 2)) continue;
    ask_for_more(window, room, [&](auto... asked) { out.emplace_back(LoadQueued{line->name(), asked...}); });
  }
  if (sweep_ && !std::exchange(is_looking_, true)) {
    out.emplace_back(LoadScheduled{*sweep_, kSweepAtOnce, kWindowBytes, true});
  }
  auto& window = jobs_.schedule_window();
  if (!window.edge || window.is_loading) return;
  if (window.jobs > window_ / 2 || window.bytes > kWindowBytes / 2) return;
  ask_for_more(window, window_, [&](ScheduleKey from, std::size_t jobs, std::size_t bytes) {
    out.emplace_back(LoadScheduled{from, std::min(jobs, kScheduledAtOnce), bytes});
  });
}

Line* Backlog::loaded(const QueuedLoaded& loaded) {
  Line* line = jobs_.find_line(loaded.asked.line);
  if (line == nullptr) return nullptr;
  move_edge(line->window, loaded, [](const StoredJob& stored) { return line_key(*stored.spec); });
  note(*line);
  jobs_.touch(*line);
  return line;
}

void Backlog::loaded(const ScheduledLoaded& loaded) {
  move_edge(jobs_.schedule_window(), loaded, [](const StoredJob& stored) {
    return ScheduleKey{stored.due, stored.spec->sequence};
  });
}

void Backlog::load_again(const StoredJob& stored) {
  if (stored.state == JobState::scheduled) {
    jobs_.schedule_window().load_again({stored.due, stored.spec->sequence});
    return;
  }
  Line& line = jobs_.line(*stored.spec);
  line.window.load_again(line_key(*stored.spec));
  note(line);
  jobs_.touch(line);
}

void Backlog::look_up(const JobId& id, Lookup lookup, std::vector<Read>& out) {
  auto& lookups = lookups_[id];
  lookups.push_back(std::move(lookup));
  if (lookups.size() > 1) return;
  Find* find = out.empty() ? nullptr : std::get_if<Find>(&out.back());
  if (find == nullptr || find->asker) find = &std::get<Find>(out.emplace_back(Find{}));
  find->ids.push_back(id);
}

std::vector<Lookup> Backlog::take_lookups(const JobId& id) {
  auto node = lookups_.extract(id);
  return node.empty() ? std::vector<Lookup>() : std::move(node.mapped());
}

// ── the sweep ───────────────────────────────────────────────────────────────────────────────────────────────────────

void Backlog::sweep(ScheduleKey from) {
  auto& next = is_looking_ ? sweep_again_ : sweep_;
  next = next ? std::min(*next, from) : from;
}

bool Backlog::swept(const ScheduledLoaded& loaded) {
  is_looking_ = false;
  sweep_ = std::exchange(sweep_again_, std::nullopt);
  std::size_t bytes = 0;
  for (const StoredJob& stored : loaded.jobs) bytes += stored.spec->size();
  return loaded.jobs.size() >= loaded.asked.limit || bytes >= loaded.asked.bytes;
}

bool Backlog::has_stored() const {
  if (jobs_.schedule_window().edge) return true;
  for (const auto& [name, queue] : jobs_.queues()) {
    for (const auto& [key, line] : queue->lines) {
      if (line->window.edge) return true;
    }
  }
  return false;
}

}  // namespace zebu::broker
