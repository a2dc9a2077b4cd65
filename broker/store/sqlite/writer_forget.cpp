#include "broker/store/sqlite/writer.h"

namespace zebu::broker {

// Outcomes that are to be dropped within the same second share a row of `forgetting`: far fewer rows than jobs.
void SqliteWriter::forget_at(const JobId& id, WallTime at) {
  Group& group = groups_[at.time_since_epoch().count() / 1000];
  if (group.jobs.empty() || at < group.due) group.due = at;
  group.jobs.push_back(id);
  ++in_groups_;
}

void SqliteWriter::write_groups(std::uint64_t number) {
  for (const auto& [second, group] : std::exchange(groups_, {})) {
    insert_group_.run(group.due, number, Bytes(encode_ids(group.jobs)));
  }
  in_groups_ = 0;
  are_groups_due_ = false;
}

// From the first commit on at_hand may name them no longer.
void SqliteWriter::forget_later(const std::vector<NamedAtHand::Ended>& ended) {
  for (const NamedAtHand::Ended& one : ended) forget_at(one.id, one.forget_at);
  are_groups_due_ = !ended.empty();
}

bool SqliteWriter::is_any_due(WallTime now) {
  return (!groups_.empty() && groups_.begin()->second.due <= now) || next_group_.query(now).next();
}

void SqliteWriter::apply(const JobForgotten& record) {
  if (record.at == WallTime{}) {
    (void)drop(record.id, std::nullopt);
    return;
  }
  JobStanding standing;
  std::uint64_t sequence = 0;
  {
    auto rows = find_finished_.query(record.id);
    if (!rows.next()) return;
    sequence = rows.number(0);
    standing = rows_.standing(rows.blob(1));
  }
  if (!is_final(standing.state)) return;
  standing.forget_at = record.at;
  are_groups_due_ = true;
  set_standing_.run(sequence, Bytes(encode_standing(record.id, standing)));
  forget_at(record.id, record.at);
}

// Drops a finished job, with `now` only if its time is up. Else its time was changed, or is the group's last: it joins
// the group of its time.
std::optional<Dropped> SqliteWriter::drop(const JobId& id, std::optional<WallTime> now) {
  std::uint64_t sequence = 0;
  JobStanding standing;
  std::string unique;
  {
    auto rows = find_finished_.query(id);
    if (!rows.next()) return std::nullopt;
    sequence = rows.number(0);
    standing = RowReader::standing_only(rows.blob(1));
    if (!is_final(standing.state)) return std::nullopt;
    if (now && (!standing.forget_at || *standing.forget_at > *now)) {
      if (standing.forget_at) forget_at(id, *standing.forget_at);
      are_groups_due_ = true;
      return std::nullopt;
    }
    if (standing.has_unique) unique = rows_.job(id, sequence, rows.blob(2))->options.unique;
  }
  if (standing.has_unique) release_unique_.run(Bytes(unique), id);
  if (standing.state == JobState::failed) {
    delete_failed_.run(id);
    queues_.drop_failed(standing.queue);
  }
  delete_standing_.run(sequence);
  delete_job_.run(id);
  --counters_.counts[static_cast<std::size_t>(standing.state)];
  return Dropped{id, standing.state, std::move(standing.queue)};
}

std::vector<Dropped> SqliteWriter::forget(WallTime now, std::size_t limit) {
  std::vector<Dropped> dropped;
  forget_groups(now, limit, dropped);
  while (dropped.size() < limit) {
    WallTime due{};
    std::uint64_t number = 0;
    std::vector<JobId> jobs;
    {
      auto rows = next_group_.query(now);
      if (!rows.next()) break;
      due = rows.time(0);
      number = rows.number(1);
      jobs = decode_ids(rows.blob(2));
    }
    if (!forget_group(due, number, jobs, now, limit, dropped)) break;
  }
  return dropped;
}

// Those that have no row yet.
void SqliteWriter::forget_groups(WallTime now, std::size_t limit, std::vector<Dropped>& dropped) {
  while (!groups_.empty() && groups_.begin()->second.due <= now && dropped.size() < limit) {
    const Group group = std::move(groups_.extract(groups_.begin()).mapped());
    in_groups_ -= group.jobs.size();
    for (const JobId& job : group.jobs) {
      if (dropped.size() == limit) {
        forget_at(job, group.due);
      } else if (auto one = drop(job, now)) {
        dropped.push_back(std::move(*one));
      }
    }
  }
}

// False when the limit was reached before the group's end.
bool SqliteWriter::forget_group(WallTime due, std::uint64_t number, const std::vector<JobId>& jobs, WallTime now,
                                std::size_t limit, std::vector<Dropped>& dropped) {
  for (auto job = jobs.begin(); job != jobs.end(); ++job) {
    if (dropped.size() == limit) {
      update_group_.run(due, number, Bytes(encode_ids({job, jobs.end()})));
      return false;
    }
    if (auto one = drop(*job, now)) dropped.push_back(std::move(*one));
  }
  delete_group_.run(due, number);
  return true;
}

}  // namespace zebu::broker
