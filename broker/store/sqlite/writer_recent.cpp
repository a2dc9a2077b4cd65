#include "broker/store/sqlite/writer.h"

// The way of new rows into `job` and `standing`: many go there at once, few through the row of `store`.
namespace zebu::broker {
namespace {

// Bytes of recent rows, so that the row of `store` fits into its page. Each commit writes them again.
constexpr std::size_t kMostRecent = 2048;

}  // namespace

void SqliteWriter::load() {
  {
    auto rows = select_counters_.query();
    if (!rows.next()) throw StoreDamage("it has no counters");
    counters_ = decode_counters(rows.blob(0));
    recent_ = rows.blob(1);
  }
  for (const RecentRow& row : decode_recent(recent_)) {
    RowFeed& feed = row.is_standing ? finished_rows_ : accepted_rows_;
    feed.add(row.id, row.sequence);
    feed.bytes() += row.row;
  }
  insert_feeds();
}

// Few, and new jobs are no duplicates.
bool SqliteWriter::may_be_recent() {
  if (accepted_rows_.bytes().size() + finished_rows_.bytes().size() > kMostRecent) return false;
  for (std::size_t i = accepted_rows_.size() - accepted_.size(); i < accepted_rows_.size(); ++i) {
    const JobId& id = accepted_rows_.id(i);
    for (std::size_t before = 0; before < i; ++before) {
      if (accepted_rows_.id(before) == id) return false;
    }
    if (sequence_of(id)) return false;
  }
  return true;
}

void SqliteWriter::keep_recent() {
  for (std::size_t i = accepted_rows_.size() - accepted_.size(); i < accepted_rows_.size(); ++i) {
    append_recent(recent_, {false, accepted_rows_.id(i), accepted_rows_.sequence(i), accepted_rows_.row(i)});
  }
  for (; recent_finished_ < finished_rows_.size(); ++recent_finished_) {
    const std::size_t i = recent_finished_;
    append_recent(recent_, {true, finished_rows_.id(i), finished_rows_.sequence(i), finished_rows_.row(i)});
  }
  for (const JobAccepted* record : accepted_) taken_in(*record->spec);
  accepted_.clear();
}

void SqliteWriter::insert_feeds() {
  if (!accepted_rows_.empty()) {
    const std::size_t inserted =
        accepted_rows_.size() == 1
            ? insert_job_.run(accepted_rows_.id(0), accepted_rows_.sequence(0), accepted_rows_.row(0))
            : insert_accepted_.run();
    const bool has_duplicates = inserted != accepted_rows_.size();
    for (const JobAccepted* record : accepted_) {
      const JobSpec& spec = *record->spec;
      if (has_duplicates && sequence_of(spec.id) != spec.sequence) {
        duplicates_.push_back({record->spec, spec.id});
      } else {
        taken_in(spec);
      }
    }
    accepted_.clear();
    accepted_rows_.clear();
  }
  if (!finished_rows_.empty()) {
    finished_rows_.size() == 1 ? set_standing_.run(finished_rows_.sequence(0), finished_rows_.row(0))
                               : insert_finished_.run();
    finished_rows_.clear();
  }
  recent_.clear();
  recent_finished_ = 0;
}

void SqliteWriter::taken_in(const JobSpec& spec) {
  count_in(spec, JobState::queued);
  at_hand_.add(spec.sequence, spec.id);
}

std::optional<std::uint64_t> SqliteWriter::sequence_of(const JobId& id) {
  auto rows = sequence_of_.query(id);
  return rows.next() ? std::optional(rows.number(0)) : std::nullopt;
}

}  // namespace zebu::broker
