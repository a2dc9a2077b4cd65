#include "broker/store/sqlite/migration.h"

#include "broker/store/maintenance.h"
#include "broker/store/sqlite/file_layer.h"
#include "broker/store/sqlite/store.h"
#include "tests/support/catch.h"
#include "tests/support/old_store.h"
#include "tests/support/store_fixture.h"
#include "tests/support/text.h"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <unistd.h>

using namespace zebu;
using namespace zebu::broker;
using namespace zebu::test;

namespace {

namespace fs = std::filesystem;

MigrationOptions usual_steps(const std::string& path) {
  MigrationOptions options;
  options.path = path;
  return options;
}

MigrationOptions small_steps(const std::string& path) {
  MigrationOptions options = usual_steps(path);
  options.rows = 200;
  options.bytes = 64U << 10;
  return options;
}

using OptionsFor = MigrationOptions (*)(const std::string& path);

// Migrates in a process of its own, which is killed behind step number `deadly`. True: it came to its end before.
bool migrate_until(const std::string& path, int deadly, OptionsFor options_for = small_steps) {
  const pid_t child = fork();
  if (child == 0) {
    MigrationOptions options = options_for(path);
    int steps = 0;
    options.done = [&](std::string_view) {
      if (++steps == deadly) static_cast<void>(kill(getpid(), SIGKILL));
    };
    _exit(migrate_old_store(options) ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status)) return false;
  REQUIRE(WEXITSTATUS(status) == 0);
  return true;
}

// All jobs, in their places and in their order.
void compare(const std::string& path, const OldJobs& old) {
  SqliteOptions options;
  options.path = path;
  const auto store = std::move(*SqliteStore::open(options));
  const Recovered recovered = store->recover().value();
  CHECK(recovered.next_sequence == old.jobs.size() + 1);
  CHECK(recovered.settings == old.settings);
  CHECK(recovered.consumers == old.consumers);
  std::vector<JobId> resident;
  for (const StoredJob& job : recovered.jobs) resident.push_back(job.spec->id);
  std::sort(resident.begin(), resident.end());
  CHECK(resident == old.resident);

  std::map<std::string, std::vector<std::pair<LineKey, JobId>>> queues;
  for (const LineName& line : recovered.lines) {
    LineKey last;
    const std::vector<StoredJob> jobs = store->load_queued(line, {}, 1'000'000, 1U << 30).value();
    for (const StoredJob& job : jobs) {
      const LineKey key = line_key(*job.spec);
      CHECK(last < key);
      last = key;
      CHECK(line_name(*job.spec) == line);
      queues[line.queue].emplace_back(key, job.spec->id);
    }
  }
  std::map<std::string, std::vector<JobId>> lines;
  for (auto& [queue, entries] : queues) {
    std::sort(entries.begin(), entries.end());
    for (const auto& [key, id] : entries) lines[queue].push_back(id);
  }
  CHECK(lines == old.lines);

  std::vector<std::pair<WallTime, std::uint64_t>> due;
  for (const StoredJob& job : old.jobs) {
    if (job.state == JobState::scheduled) due.emplace_back(job.due, job.spec->sequence);
  }
  std::sort(due.begin(), due.end());
  std::vector<std::pair<WallTime, std::uint64_t>> scheduled;
  const std::vector<StoredJob> loaded = store->load_scheduled({}, 1'000'000, 1U << 30).value();
  for (const StoredJob& job : loaded) {
    scheduled.emplace_back(job.due, job.spec->sequence);
  }
  CHECK(scheduled == due);

  std::size_t different = 0;
  for (const StoredJob& job : old.jobs) {
    const auto found = store->find({job.spec->id}).value().front();
    if (found && describe(*found) == describe(job)) continue;
    if (++different > 3) continue;
    INFO(describe(job));
    CHECK((found ? describe(*found) : "nothing") == describe(job));
  }
  CHECK(different == 0);
}

struct OldFile {
  TempDir dir;
  std::string path = dir.path() / "zebu.db";
  OldJobs jobs;

  explicit OldFile(std::uint64_t count) : jobs(fill_old_store(path, count)) {}
};

// How many steps its migration has.
int steps_of(const OldFile& old, OptionsFor options_for = small_steps) {
  const TempDir dir;
  int steps = 0;
  MigrationOptions options = options_for(dir.path() / "copy.db");
  fs::copy_file(old.path, options.path);
  options.done = [&](std::string_view) { ++steps; };
  REQUIRE(migrate_old_store(options));
  return steps;
}

}  // namespace

TEST_CASE("a store of Zebu 0.1.0 with jobs in all states becomes one of this version, and the old one is kept") {
  const OldFile old(3000);
  std::string said;
  MigrationOptions options = small_steps(old.path);
  options.say = [&](const std::string& line) { said += line + "\n"; };
  const auto migrated = migrate_old_store(options);
  INFO((migrated ? *migrated : migrated.error().message));
  REQUIRE(migrated);
  CHECK(has(*migrated, "with 3000 jobs"));
  CHECK(has(said, "the new file needs up to"));
  CHECK(has(said, "are free"));
  compare(old.path, old.jobs);
  const auto checked = check_store(old.path);
  INFO((checked ? *checked : checked.error().message));
  CHECK(checked);
  CHECK(fs::exists(old.path + ".format4"));
  for (const char* gone : {".migrating", ".migrating-wal", ".migrating.lock"}) CHECK_FALSE(fs::exists(old.path + gone));

  const auto again = migrate_old_store(options);
  REQUIRE(again);
  CHECK(has(*again, "there is nothing to do"));
}

TEST_CASE("a migration that is killed at 20 points goes on, and loses nothing") {
  const OldFile old(4000);
  const int steps = steps_of(old);
  REQUIRE(steps > 40);
  int kills = 0;
  while (!migrate_until(old.path, steps / 21)) ++kills;
  CHECK(kills >= 20);
  compare(old.path, old.jobs);
  CHECK(check_store(old.path));
}

// By hand: build/release/bin/store_tests '[million]'
TEST_CASE("1,000,000 jobs are migrated, killed at 20 points", "[.][million]") {
  const OldFile old(1'000'000);
  const int steps = steps_of(old, usual_steps);
  int kills = 0;
  while (!migrate_until(old.path, std::max(steps / 21, 1), usual_steps)) ++kills;
  CHECK(kills >= 20);
  compare(old.path, old.jobs);
  CHECK(check_store(old.path));
}

TEST_CASE("a migration that is killed behind one of its first or last steps ends with the same command") {
  const OldFile old(300);
  const int steps = steps_of(old);
  for (const int deadly : {1, 2, 3, steps - 3, steps - 2, steps - 1, steps}) {
    const TempDir dir;
    const std::string path = dir.path() / "copy.db";
    fs::copy_file(old.path, path);
    CHECK_FALSE(migrate_until(path, deadly));
    CHECK(fs::file_size(path) > 0);  // under the store's name there is always one of both
    CHECK(migrate_until(path, -1));
    CHECK(check_store(path));
    CHECK(fs::exists(path + ".format4"));
  }
}

TEST_CASE("a copy of an older state of the store is not gone on with") {
  const OldFile old(300);
  CHECK_FALSE(migrate_until(old.path, 5));
  {
    SQLite::Database database(old.path, SQLite::OPEN_READWRITE, 0, file_layer(""));
    database.exec("UPDATE store SET commits = commits + 1");
  }
  CHECK(migrate_until(old.path, -1));
  compare(old.path, old.jobs);
}

TEST_CASE("a migration that the disk has no room for says what it needs, and changes nothing") {
  const OldFile old(300);
  const auto size = fs::file_size(old.path);
  fs::resize_file(old.path, std::uintmax_t{4} << 40);  // a hole: it takes no room by itself
  const auto refused = migrate_old_store(small_steps(old.path));
  REQUIRE_FALSE(refused);
  INFO(refused.error().message);
  CHECK(has(refused.error().message, "the new file needs up to "));
  CHECK(has(refused.error().message, "free space there first."));
  CHECK_FALSE(fs::exists(old.path + ".migrating"));
  CHECK_FALSE(fs::exists(old.path + ".format4"));
  fs::resize_file(old.path, size);
  CHECK(migrate_until(old.path, -1));
  compare(old.path, old.jobs);
}

TEST_CASE("a migration does not replace a file, nor begin with a damaged store") {
  const OldFile old(300);
  const std::string kept = old.path + ".format4";
  old.dir.write("zebu.db.format4", "mine");
  const auto refused = migrate_old_store(small_steps(old.path));
  REQUIRE_FALSE(refused);
  CHECK(has(refused.error().message, "'" + kept + "' exists already"));
  fs::remove(kept);
  {
    SQLite::Database database(old.path, SQLite::OPEN_READWRITE, 0, file_layer(""));
    database.exec("UPDATE standing SET row = x'6300' WHERE sequence = 17");
  }
  const auto damaged = migrate_old_store(small_steps(old.path));
  REQUIRE_FALSE(damaged);
  CHECK(has(damaged.error().message, "unknown number 99"));
  CHECK_FALSE(fs::exists(kept));
}
