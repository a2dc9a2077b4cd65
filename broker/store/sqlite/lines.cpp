#include "broker/store/sqlite/lines.h"

#include "broker/store/sqlite/rows.h"

#include <algorithm>

namespace zebu::broker {

SqliteLines::SqliteLines(SQLite::Database& database)
    : select_(database, "SELECT number, queue, task, key FROM line"),
      insert_(database, "INSERT INTO line(number, queue, task, key) VALUES(?, ?, ?, ?)"),
      delete_(database, "DELETE FROM line WHERE number = ?"),
      first_job_(database, "SELECT 1 FROM in_line WHERE line = ? LIMIT 1") {}

void SqliteLines::load(const std::unordered_map<std::int64_t, std::string>& queues) {
  auto rows = select_.query();
  while (rows.next()) {
    const std::int64_t number = rows.integer(0);
    const auto queue = queues.find(rows.integer(1));
    if (queue == queues.end()) throw StoreDamage("line " + std::to_string(number) + " is of an unknown queue");
    LineName name{queue->second, std::string(rows.blob(2)), std::string(rows.blob(3))};
    next_number_ = std::max(next_number_, number + 1);
    if (!lines_.emplace(std::move(name), Line{number}).second) {
      throw StoreDamage("line " + std::to_string(number) + " is there twice");
    }
  }
}

SqliteLines::Entry* SqliteLines::find(const View& name) {
  if (last_ != nullptr && ByName::view(last_->first) == name) return last_;
  const auto found = lines_.find(name);
  if (found == lines_.end()) return nullptr;
  last_ = &*found;
  return last_;
}

std::optional<std::int64_t> SqliteLines::number(const JobSpec& spec) {
  const Entry* line = find(ByName::view(spec));
  return line == nullptr ? std::nullopt : std::optional(line->second.number);
}

std::optional<std::int64_t> SqliteLines::number(const LineName& name) {
  const Entry* line = find(ByName::view(name));
  return line == nullptr ? std::nullopt : std::optional(line->second.number);
}

std::int64_t SqliteLines::number_of_new(const JobSpec& spec, std::int64_t queue) {
  if (const auto known = number(spec)) return *known;
  LineName name = line_name(spec);
  insert_.run(next_number_, queue, Bytes(name.task), Bytes(name.key));
  last_ = &*lines_.emplace(std::move(name), Line{next_number_}).first;
  return next_number_++;
}

void SqliteLines::left(const JobSpec& spec) {
  Entry* line = find(ByName::view(spec));
  if (line == nullptr || line->second.has_lost) return;
  line->second.has_lost = true;
  have_lost_.push_back(line);
}

bool SqliteLines::has_jobs(const Line& line) { return first_job_.query(line.number).next(); }

void SqliteLines::save() {
  for (Entry* line : std::exchange(have_lost_, {})) {
    line->second.has_lost = false;
    if (lines_.size() <= kIdleLines || has_jobs(line->second)) continue;
    delete_.run(line->second.number);
    if (last_ == line) last_ = nullptr;
    lines_.erase(lines_.find(line->first));
  }
}

void SqliteLines::drop_queue(const std::string& queue) {
  for (auto line = lines_.lower_bound(View{queue, {}, {}}); line != lines_.end() && line->first.queue == queue;) {
    delete_.run(line->second.number);
    if (last_ == &*line) last_ = nullptr;
    line = lines_.erase(line);
  }
}

std::vector<LineName> SqliteLines::with_jobs() {
  std::vector<LineName> names;
  for (const auto& [name, line] : lines_) {
    if (has_jobs(line)) names.push_back(name);
  }
  return names;
}

}  // namespace zebu::broker
