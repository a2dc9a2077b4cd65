#include "broker/store/sqlite/outcome_expiry.h"

#include "broker/store/sqlite/rows.h"

#include <utility>

namespace zebu::broker {
namespace {

// In memory at most, for a crash would have recovery look up as many jobs.
constexpr std::size_t kManyInGroups = 1000;
// Jobs that one visit looks at, at most: those that were dropped before their time are named all the same.
constexpr std::size_t kMostLooks = 100'000;

}  // namespace

OutcomeExpiry::OutcomeExpiry(SQLite::Database& database)
    : next_row_(database, "SELECT due, number, jobs FROM forgetting WHERE due <= ? ORDER BY due, number LIMIT 1"),
      insert_(database, "INSERT INTO forgetting(due, number, jobs) VALUES(?, ?, ?)"),
      update_(database, "UPDATE forgetting SET jobs = ?3 WHERE due = ?1 AND number = ?2"),
      delete_(database, "DELETE FROM forgetting WHERE due = ? AND number = ?") {}

void OutcomeExpiry::add(const JobId& id, WallTime at, bool with_this_commit) {
  Group& group = groups_[at.time_since_epoch().count() / 1000];
  if (group.jobs.empty() || at < group.due) group.due = at;
  group.jobs.push_back(id);
  ++in_groups_;
  must_save_ |= with_this_commit;
}

void OutcomeExpiry::save(std::uint64_t number, bool resident_names_fewer) {
  if (!must_save_ && !resident_names_fewer && in_groups_ <= kManyInGroups) return;
  for (const auto& [second, group] : std::exchange(groups_, {})) {
    insert_.run(group.due, number, Bytes(encode_ids(group.jobs)));
  }
  in_groups_ = 0;
  must_save_ = false;
}

bool OutcomeExpiry::is_any_due(WallTime now) {
  return (!groups_.empty() && groups_.begin()->second.due <= now) || next_row_.query(now).next();
}

void OutcomeExpiry::visit_due(WallTime now, std::size_t limit, const Drop& drop) {
  Budget left{limit, kMostLooks};
  visit_groups(now, left, drop);
  while (!left.is_spent()) {
    const auto row = next_row(now);
    if (!row) return;
    visit_row(*row, left, drop);
  }
}

void OutcomeExpiry::visit_groups(WallTime now, Budget& left, const Drop& drop) {
  while (!groups_.empty() && groups_.begin()->second.due <= now && !left.is_spent()) {
    const Group group = std::move(groups_.extract(groups_.begin()).mapped());
    in_groups_ -= group.jobs.size();
    for (const JobId& job : group.jobs) {
      if (left.is_spent()) {
        add(job, group.due, false);
      } else {
        left.take(drop(job));
      }
    }
  }
}

std::optional<OutcomeExpiry::Row> OutcomeExpiry::next_row(WallTime now) {
  auto rows = next_row_.query(now);
  if (!rows.next()) return std::nullopt;
  return Row{rows.time(0), rows.number(1), decode_ids(rows.blob(2))};
}

void OutcomeExpiry::visit_row(const Row& row, Budget& left, const Drop& drop) {
  for (auto job = row.jobs.begin(); job != row.jobs.end(); ++job) {
    if (left.is_spent()) {
      update_.run(row.due, row.number, Bytes(encode_ids({job, row.jobs.end()})));
      return;
    }
    left.take(drop(*job));
  }
  delete_.run(row.due, row.number);
}

}  // namespace zebu::broker
