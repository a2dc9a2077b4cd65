#pragma once

#include "broker/records/records.h"
#include "broker/store/sqlite/statement.h"

#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace zebu::broker {

// The lines that the file knows: a number for each, which is the key of the jobs that wait in it. All of them are in
// memory. A line's row is made with its first job, and may stay for a while when the last one has left: at most
// kIdleLines do. A job's queue must have its number before.
class SqliteLines {
 public:
  static constexpr std::size_t kIdleLines = 256;

  explicit SqliteLines(SQLite::Database& database);

  // queues: the name of each queue's number.
  void load(const std::unordered_map<std::int64_t, std::string>& queues);
  // Nothing: the line has no row, and so no job.
  [[nodiscard]] std::optional<std::int64_t> number(const JobSpec& spec);
  [[nodiscard]] std::optional<std::int64_t> number(const LineName& name);
  // Makes the line's row when it has none.
  [[nodiscard]] std::int64_t number_of_new(const JobSpec& spec, std::int64_t queue);

  // A job has left this line, which may have no other.
  void left(const JobSpec& spec);
  // Drops rows of lines that have no job, if there are many rows.
  void save();
  // The queue's row goes. It has no jobs.
  void drop_queue(const std::string& queue);

  // Those that have jobs: one look at the file for each.
  [[nodiscard]] std::vector<LineName> with_jobs();

 private:
  struct Line {
    std::int64_t number = 0;
    bool has_lost = false;  // jobs, since the last save()
  };
  struct View {
    std::string_view queue;
    std::string_view task;
    std::string_view key;

    auto operator<=>(const View&) const = default;
  };
  struct ByName {
    using is_transparent = void;
    static View view(const LineName& name) { return {name.queue, name.task, name.key}; }
    static View view(const JobSpec& spec) { return {spec.queue, spec.task, {}}; }  // line_name(), without a copy
    static const View& view(const View& view) { return view; }
    bool operator()(const auto& a, const auto& b) const { return view(a) < view(b); }
  };
  using Lines = std::map<LineName, Line, ByName>;
  using Entry = Lines::value_type;

  [[nodiscard]] Entry* find(const View& name);
  [[nodiscard]] bool has_jobs(const Line& line);

  Lines lines_;
  Entry* last_ = nullptr;  // the one that find() found last: mostly the next one too
  std::vector<Entry*> have_lost_;
  std::int64_t next_number_ = 1;
  Statement select_;
  Statement insert_;
  Statement delete_;
  Statement first_job_;
};

}  // namespace zebu::broker
