#include "broker/store/sqlite/check.h"

#include "broker/store/sqlite/page_checksums.h"
#include "broker/store/sqlite/writer.h"

#include <array>
#include <fstream>

namespace zebu::broker {
namespace {

constexpr std::size_t kMaxProblems = 50;

std::uint64_t rows_of(SQLite::Database& database, const std::string& table) {
  return static_cast<std::uint64_t>(database.execAndGet("SELECT count(*) FROM " + table).getInt64());
}

}  // namespace

void StoreCheck::problem(std::string text) {
  if (problems_.size() < kMaxProblems) problems_.push_back(std::move(text));
  if (problems_.size() == kMaxProblems) problems_.emplace_back("… and more");
}

void StoreCheck::expect_equal(const std::string& what, std::uint64_t counted, std::uint64_t stored) {
  if (counted == stored) return;
  problem(what + ": there are " + std::to_string(counted) + ", and the store says " + std::to_string(stored));
}

Result<std::vector<std::string>> StoreCheck::run() {
  SqliteOptions options;
  options.path = path_;
  {
    const auto file = SqliteFile::open(options);
    if (!file) {
      check_pages();
      if (problems_.empty()) return tl::make_unexpected(file.error());
      problem(file.error().message);
      return problems_;
    }
    try {
      // Pages that the log has anew do not count in the file, however they look there.
      (*file)->database().exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (const std::exception&) {
      return tl::make_unexpected((*file)->explain("move its log into it"));
    }
  }
  check_pages();  // while SQLite has not opened the file: closing it here would release SQLite's locks
  const auto file = SqliteFile::open(options);
  if (!file && problems_.empty()) return tl::make_unexpected(file.error());
  if (file) check_rows(**file);
  return problems_;
}

void StoreCheck::check_rows(SqliteFile& file) {
  try {
    check_structure(file.database());
    check_jobs(file.database());
  } catch (const std::exception&) {
    problem(file.explain("read all of it").message);
  }
}

void StoreCheck::check_pages() {
  std::ifstream file(path_, std::ios::binary);
  std::array<char, kPageSize> page;
  std::int64_t offset = 0;
  PageChecksum checksum = PageChecksum::none;
  for (; file.read(page.data(), page.size()); offset += kPageSize) {
    if (offset == 0 && is_header(page.data())) checksum = promised_checksum(page.data());
    if (checksum == PageChecksum::none) return;  // a file of somebody else has no checksums
    if (!is_whole_page(checksum, page.data(), offset))
      problem("page " + std::to_string(offset / kPageSize + 1) + " is damaged");
  }
  if (offset > 0 && file.gcount() != 0) {
    problem("the file ends within page " + std::to_string(offset / kPageSize + 1));
  }
}

void StoreCheck::check_structure(SQLite::Database& database) {
  SQLite::Statement check(database, "PRAGMA integrity_check");
  while (check.executeStep()) {
    const std::string line = check.getColumn(0).getString();
    if (line != "ok") problem("SQLite: " + line);
  }
}

void StoreCheck::check_jobs(SQLite::Database& database) {
  ResidentJobs resident;
  SqliteQueues queues(database);
  queues.load();
  SqliteLines lines(database);
  lines.load(queues.names());
  LargeValues large(database);
  SqliteReader reader(database, resident, lines, large);
  SQLite::Transaction undone(database);  // in which the recent rows are in their tables
  SqliteWriter writer(database, resident, queues, lines, large, reader);
  writer.load();
  const std::size_t resident_jobs = reader.recover().jobs.size();
  Statement scheduled(database, "SELECT 1 FROM schedule WHERE due = ? AND sequence = ?");
  std::uint64_t in_line = 0;
  std::uint64_t in_schedule = 0;
  reader.visit([&](const StoredJob& job) {
    const bool is_resident = resident.find(job.spec->sequence) != nullptr;
    const bool is_in_line = reader.is_in_line(*job.spec);
    const bool is_scheduled = scheduled.query(job.due, job.spec->sequence).next();
    in_line += is_in_line ? 1 : 0;
    in_schedule += is_scheduled ? 1 : 0;
    check_job(job, is_resident, is_in_line, is_scheduled);
  });
  const auto waiting = [&](JobState state) { return counts_[static_cast<std::size_t>(state)]; };
  expect_equal("rows of jobs in line", in_line, rows_of(database, "in_line"));
  expect_equal("rows of scheduled jobs", in_schedule, rows_of(database, "schedule"));
  expect_equal("rows of jobs with a place in lists", listed_at_, rows_of(database, "listed_at"));
  expect_equal("rows of failed jobs", waiting(JobState::failed), rows_of(database, "failed"));
  expect_equal("rows of failed jobs by age", waiting(JobState::failed), rows_of(database, "failed_by_age"));
  expect_equal("jobs resident", waiting(JobState::queued) + waiting(JobState::running) - in_line, resident_jobs);
  expect_equal("bytes of large values", large_bytes_, large.named_bytes());
  check_totals(queues.totals(), writer.counters().counts);
}

void StoreCheck::check_job(const StoredJob& job, bool is_resident, bool is_in_line, bool is_scheduled) {
  ++jobs_;
  if (job.spec->listed_at) ++listed_at_;
  ++counts_[static_cast<std::size_t>(job.state)];
  Totals& queue = queues_[job.spec->queue];
  const int places = int{is_resident} + int{is_in_line} + int{is_scheduled};
  const std::string name = "job " + job.spec->id.to_string() + " (" + std::string(to_string(job.state)) + ")";
  if (is_final(job.state) ? places != 0 : places != 1) problem(name + " is in " + std::to_string(places) + " places");
  if (is_scheduled != (job.state == JobState::scheduled)) problem(name + " is in the schedule, or should be");
  if (is_final(job.state) && !job.outcome) problem(name + " has no outcome");
  for (const std::size_t bytes : {job.args_left_out, job.result_left_out}) {
    large_values_ += bytes > 0 ? 1 : 0;
    large_bytes_ += bytes;
  }
  if (job.state == JobState::failed) ++queue.failed;
  if (job.state == JobState::queued) ++queue.queued;
  if (job.state == JobState::scheduled) ++queue.scheduled;
  if (job.state == JobState::queued || job.state == JobState::scheduled) {
    queue.bytes += job.spec->size() + job.args_left_out;
  }
}

void StoreCheck::check_totals(const std::vector<StoredQueue>& queues,
                              const std::array<std::uint64_t, kJobStates>& counts) {
  for (std::size_t i = 0; i < counts.size(); ++i) {
    expect_equal("jobs that are " + std::string(to_string(static_cast<JobState>(i))), counts_[i], counts[i]);
  }
  for (const StoredQueue& queue : queues) {
    const Totals& counted = queues_[queue.name];
    const std::string name = " in queue '" + queue.name + "'";
    expect_equal("queued jobs" + name, counted.queued, queue.queued);
    expect_equal("scheduled jobs" + name, counted.scheduled, queue.scheduled);
    expect_equal("failed jobs" + name, counted.failed, queue.failed);
    expect_equal("bytes" + name, counted.bytes, queue.bytes);
    queues_.erase(queue.name);
  }
  for (const auto& [name, counted] : queues_) {
    if (counted.queued + counted.scheduled + counted.failed > 0)
      problem("queue '" + name + "' has jobs and no counters");
  }
}

}  // namespace zebu::broker
