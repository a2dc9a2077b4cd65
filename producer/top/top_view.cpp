#include "producer/top/top_view.h"

#include "producer/connection/answers.h"
#include "producer/connection/job_text.h"
#include "producer/text/readable.h"
#include "producer/top/top_tables.h"
#include "zebu/program/visible_text.h"

#include <algorithm>
#include <sstream>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;
using Look = ScreenLine::Look;
using Screen = std::vector<ScreenLine>;

constexpr const char* kHelp =
    "up, down, PgUp, PgDn, Home, End   choose a line (also k and j)\n"
    "Enter                             open: a queue's jobs, a job\n"
    "Esc, Backspace                    back\n"
    "s                                 sort the queues by another column\n"
    "r                                 reverse the order\n"
    "f                                 jobs in another state: running, failed, queued, ...\n"
    "h, ?                              this text, and back\n"
    "q, Ctrl-C                         quit";

// Lines of a table: its heading and the rows from `first` on that fit. chosen: a row, or none.
void add_rows(Screen& screen, const std::vector<std::string>& lines, const std::vector<Look>& looks, std::size_t room,
              std::size_t chosen) {
  if (room == 0 || lines.empty()) return;
  screen.push_back({lines.front(), Look::heading});
  const std::size_t rows = lines.size() - 1;
  const std::size_t shown = room - 1;
  if (rows <= shown) {
    for (std::size_t i = 0; i < rows; ++i) screen.push_back({lines[i + 1], i == chosen ? Look::chosen : looks[i]});
    return;
  }
  if (shown == 0) return;
  const std::size_t fits = shown - 1;  // the last line says how many are missing
  const std::size_t first = chosen >= rows || chosen < fits || fits == 0 ? 0 : chosen - fits + 1;
  for (std::size_t i = first; i < first + fits; ++i)
    screen.push_back({lines[i + 1], i == chosen ? Look::chosen : looks[i]});
  std::string missing = "… " + count_text(rows - first - fits) + " more";
  if (first > 0) missing += ", " + count_text(first) + " above";
  screen.push_back({missing, Look::faint});
}

Look look_of_queue(const Json& queue) {
  if (flag(queue, "paused")) return Look::warning;
  const bool waits = number(queue, "queued") > 0 && number(queue, "consumers") == 0;
  return waits ? Look::alarm : Look::plain;
}

// Shares `room` lines between two tables. One that needs less than half of them is shown in full.
std::pair<std::size_t, std::size_t> shared(std::size_t one, std::size_t other, std::size_t room) {
  const std::size_t half = room / 2;
  std::size_t for_one = other < half ? room - other : std::max(half, room - std::min(room, other));
  for_one = std::min(for_one, one);
  return {for_one, std::min(other, room - for_one)};
}

void add_overview(Screen& screen, const TopState& state, const TopData& data, TerminalSize size) {
  const auto queues = sorted_queues(data.queues, state.sort(), state.is_reversed());
  const auto consumers = busiest_first(data.consumers);
  std::vector<Look> queue_looks;
  for (const Json& queue : queues) queue_looks.push_back(look_of_queue(queue));
  std::vector<Look> consumer_looks;
  for (const Json& consumer : consumers)
    consumer_looks.push_back(flag(consumer, "draining") ? Look::warning : Look::plain);
  constexpr std::size_t kGaps = 2;
  const std::size_t used = screen.size() + kGaps;
  const auto [for_queues, for_consumers] =
      shared(queues.size() + 1, consumers.size() + 1, size.rows > used ? size.rows - used : 0);
  screen.push_back({});
  add_rows(screen, queue_table(queues).fitted(size.columns), queue_looks, for_queues, state.row(queues.size()));
  screen.push_back({});
  add_rows(screen, consumer_table(consumers).fitted(size.columns), consumer_looks, for_consumers, SIZE_MAX);
}

void add_jobs(Screen& screen, const TopState& state, const TopData& data, TerminalSize size) {
  const Json& jobs = data.jobs;
  const std::string what(to_string(state.wish().state));
  screen.push_back(
      {visible("queue " + state.wish().queue + ": " + what + " jobs (f: another state, Esc: back)", Lines::one)});
  screen.push_back({});
  if (!jobs.is_array() || jobs.empty()) {
    screen.push_back({jobs.is_array() ? "no durable job is " + what : "…"});
    return;
  }
  const std::vector<Look> looks(jobs.size(), state.wish().state == JobState::failed ? Look::alarm : Look::plain);
  const std::size_t room = size.rows > screen.size() ? size.rows - screen.size() : 0;
  add_rows(screen, job_table(jobs).fitted(size.columns), looks, room, state.row(jobs.size()));
}

void add_text(Screen& screen, const std::string& text, std::size_t first, TerminalSize size) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  const std::size_t room = size.rows > screen.size() ? size.rows - screen.size() : 0;
  const std::size_t last = lines.size() > room ? lines.size() - room : 0;
  for (std::size_t i = std::min(first, last); i < lines.size(); ++i) screen.push_back({lines[i]});
}

}  // namespace

std::vector<ScreenLine> top_screen(const TopState& state, const TopData& data, const std::string& endpoint,
                                   const std::string& trouble, TerminalSize size) {
  using View = TopState::View;
  Screen screen;
  if (!trouble.empty()) {
    screen.push_back({visible("the broker at " + endpoint + " is away: " + trouble, Lines::one), Look::alarm});
  } else {
    screen.push_back({broker_line(data, endpoint)});
  }
  if (data.queues.is_array() || state.view() == View::help) {
    if (state.view() == View::overview) screen.push_back({totals_line(data)});
    if (state.view() == View::overview)
      screen.push_back(
          {"sorted by " + to_string(state.sort()) + (state.is_reversed() ? ", reversed" : "") + "  (h: keys)",
           Look::faint});
    if (state.view() == View::overview) add_overview(screen, state, data, size);
    if (state.view() == View::jobs) add_jobs(screen, state, data, size);
    if (state.view() == View::job)
      add_text(screen, data.job.is_object() ? "\n" + job_text(data.job) : "\n…", state.row(SIZE_MAX), size);
    if (state.view() == View::help) add_text(screen, "\n" + std::string(kHelp), 0, size);
  }
  if (screen.size() > size.rows) screen.resize(size.rows);
  for (ScreenLine& line : screen) line.text = shortened(line.text, size.columns);
  return screen;
}

}  // namespace zebu::producer
