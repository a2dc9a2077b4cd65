#pragma once

#include "broker/store/sqlite/resident.h"
#include "broker/store/sqlite/statement.h"

#include <functional>
#include <map>
#include <vector>

namespace zebu::broker {

// When outcomes are dropped: the table `forgetting`. Those that are to go within the same second share a row, so there
// are far fewer rows than jobs. The newest are in memory only, as long as the file names their jobs as resident, which
// is where recovery finds them: so a row is not written with each commit. A job's time may be named more than once, and
// too early: the time in its status decides.
class OutcomeExpiry {
 public:
  explicit OutcomeExpiry(SQLite::Database& database);

  // with_this_commit: the file does not name the job as resident.
  void add(const JobId& id, WallTime at, bool with_this_commit);

  // Within a commit, after all else: writes commit `number`'s rows if they must not wait any longer.
  void save(std::uint64_t number, bool resident_names_fewer);

  [[nodiscard]] bool is_any_due(WallTime now);
  // Gives jobs whose time has come to `drop`, until that has dropped `limit` of them, or many
  // have been looked at.
  void visit_due(WallTime now, std::size_t limit, const std::function<bool(const JobId&)>& drop);

 private:
  struct Group {
    WallTime due{};  // the first one's
    std::vector<JobId> jobs;
  };
  struct Row {
    WallTime due{};
    std::uint64_t number = 0;
    std::vector<JobId> jobs;
  };
  using Drop = std::function<bool(const JobId&)>;
  struct Budget {
    std::size_t drops;
    std::size_t looks;

    [[nodiscard]] bool is_spent() const { return drops == 0 || looks == 0; }
    void take(bool is_dropped) {
      --looks;
      if (is_dropped) --drops;
    }
  };

  void visit_groups(WallTime now, Budget& left, const Drop& drop);
  [[nodiscard]] std::optional<Row> next_row(WallTime now);
  void visit_row(const Row& row, Budget& left, const Drop& drop);

  std::map<std::int64_t, Group> groups_;  // by second; they have no row yet
  std::size_t in_groups_ = 0;
  bool must_save_ = false;  // with this commit
  Statement next_row_;
  Statement insert_;
  Statement update_;
  Statement delete_;
};

}  // namespace zebu::broker
