#include "broker/store/maintenance.h"
#include "broker/store/sqlite/file_layer.h"
#include "broker/store/sqlite/page_checksums.h"
#include "broker/store/sqlite/schema.h"
#include "broker/store/sqlite/store.h"
#include "tests/support/catch.h"
#include "tests/support/old_store.h"
#include "tests/support/store_fixture.h"
#include "tests/support/text.h"

#include <algorithm>
#include <array>
#include <random>
#include <sqlite3.h>
#include <unistd.h>

using namespace zebu;
using namespace zebu::broker;
using namespace zebu::test;

namespace {

struct Folder {
  TempDir dir;
  std::string path = dir.path() / "zebu.db";

  Result<std::unique_ptr<SqliteStore>> open() const {
    SqliteOptions options;
    options.path = path;
    return SqliteStore::open(options);
  }
  // Why it cannot be opened.
  std::string refusal() const {
    const auto opened = open();
    REQUIRE_FALSE(opened);
    return opened.error().message;
  }
  void execute(const std::string& sql) const {
    SQLite::Database database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database.exec(sql);
  }
};

}  // namespace

TEST_CASE("a second broker on the same store is refused, with the pid of the first") {
  const Folder folder;
  const auto first = folder.open();
  REQUIRE(first);
  CHECK((*first)->name() == "sqlite:" + folder.path);
  const std::string refusal = folder.refusal();
  CHECK(has(refusal, "in use by process " + std::to_string(getpid())));
  std::filesystem::create_symlink(folder.path, folder.dir.path() / "other.db");
  SqliteOptions other;
  other.path = folder.dir.path() / "other.db";
  CHECK_FALSE(SqliteStore::open(other));
}

TEST_CASE("a store of another format is refused with both formats and the way out, and left as it is") {
  const Folder folder;
  const int format = GENERATE(1, 4, kFormat + 1);
  make_old_store(folder.path, format);
  const std::string before = folder.dir.read("zebu.db");
  const auto checked = check_store(folder.path);
  REQUIRE_FALSE(checked);
  for (const std::string& text : {folder.refusal(), checked.error().message}) {
    INFO(text);
    CHECK(has(text, folder.path));
    CHECK(has(text, "format " + std::to_string(format)));
    CHECK(has(text, "reads format " + std::to_string(kFormat)));
    CHECK(has(text, format < kFormat ? "an older Zebu wrote it" : "a newer Zebu wrote it"));
    const std::string way_out = format == kOldFormat ? "run `zebu-broker migrate --store sqlite:" + folder.path
                                : format < kFormat   ? "finish its jobs"
                                                     : "start the newer zebu-broker";
    CHECK(has(text, way_out));
    CHECK_FALSE(has(text, "damaged"));
  }
  CHECK(folder.dir.read("zebu.db") == before);
  // The way out: a new store begins when these are gone.
  for (const char* end : {"", "-wal", ".lock"}) std::filesystem::remove(folder.path + end);
  CHECK(folder.open());
}

TEST_CASE("an unknown state number is reported as damage, by the broker and by check") {
  const Folder folder;
  const SharedSpec spec = shared_job(1);
  {
    const auto store = std::move(*folder.open());
    REQUIRE(store->recover());
    REQUIRE(store->commit({JobAccepted{spec}, AttemptStarted{spec, 1, Uuid::make()}}));
  }
  {
    SQLite::Database database(folder.path, SQLite::OPEN_READWRITE, 0, file_layer(""));
    REQUIRE(database.exec("UPDATE status SET row = CAST(x'63' || substr(row, 2) AS BLOB)") == 1);
  }
  const auto recovered = (*folder.open())->recover();
  REQUIRE_FALSE(recovered);
  CHECK(has(recovered.error().message, "the file is damaged: a job's state has the unknown number 99"));
  CHECK(has(recovered.error().message, "put a backup in its place"));
  CHECK(has(check_store(folder.path).error().message, "unknown number 99"));
}

TEST_CASE("a line's row goes with its jobs once there are many, and check knows a line without a queue") {
  const Folder folder;
  constexpr std::size_t kLines = 3 * SqliteLines::kIdleLines;
  const auto lines = [&] {
    SQLite::Database database(folder.path, SQLite::OPEN_READWRITE, 0, file_layer(""));
    return database.execAndGet("SELECT count(*) FROM line").getInt();
  };
  std::vector<Record> accepted;
  std::vector<Record> ended;
  for (std::uint64_t i = 1; i <= kLines; ++i) {
    JobSpec spec = job(i);
    spec.task = "task" + std::to_string(i);
    const SharedSpec one = shared(std::move(spec));
    accepted.push_back(JobAccepted{one, true});
    ended.push_back(finished(one, cancelled()));
  }
  {
    const auto store = std::move(*folder.open());
    REQUIRE(store->recover());
    REQUIRE(store->commit(accepted));
  }
  CHECK(lines() == kLines);
  {
    const auto store = std::move(*folder.open());
    CHECK(store->recover()->lines.size() == kLines);
    REQUIRE(store->commit(ended));
  }
  CHECK(lines() == SqliteLines::kIdleLines);
  CHECK(check_store(folder.path));
  CHECK((*folder.open())->recover()->lines.empty());
  {
    SQLite::Database database(folder.path, SQLite::OPEN_READWRITE, 0, file_layer(""));
    database.exec("UPDATE line SET queue = 4711 WHERE number = (SELECT max(number) FROM line)");
  }
  const auto checked = check_store(folder.path);
  REQUIRE_FALSE(checked);
  CHECK(has(checked.error().message, "is of an unknown queue"));
}

// As newer versions of SQLite read the overflow pages of a large value.
TEST_CASE("a page that is read in part is compared as a whole") {
  const Folder folder;
  JobSpec large = job(1);
  large.args = std::string(200'000, 'x');
  {
    const auto store = std::move(*folder.open());
    REQUIRE(store->recover());
    REQUIRE(store->commit({JobAccepted{shared(large)}}));
  }
  constexpr int kPage = 30;  // counted from 0
  std::string content = folder.dir.read("zebu.db");
  REQUIRE(content.size() > (kPage + 2) * kPageSize);
  content[kPage * kPageSize + 7000] ^= 1;
  (void)folder.dir.write("zebu.db", content);

  SQLite::Database database(folder.path, SQLite::OPEN_READWRITE, 0, file_layer(""));
  REQUIRE(database.execAndGet("PRAGMA application_id").getInt() == kApplicationId);
  sqlite3_file* file = nullptr;
  REQUIRE(sqlite3_file_control(database.getHandle(), "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK);
  std::array<char, 100> part{};
  CHECK(file->pMethods->xRead(file, part.data(), part.size(), (kPage + 1) * kPageSize) == SQLITE_OK);
  CHECK(std::string(part.data(), part.size()) == content.substr((kPage + 1) * kPageSize, part.size()));
  CHECK_FALSE(damage_found(database.getHandle()));
  CHECK(file->pMethods->xRead(file, part.data(), part.size(), kPage * kPageSize) == SQLITE_IOERR_DATA);
  CHECK(damage_found(database.getHandle()) == "page " + std::to_string(kPage + 1) + " has a wrong checksum");
}

TEST_CASE("a file that is not a Zebu store is refused and left unchanged") {
  const Folder folder;
  SECTION("a text") {
    (void)folder.dir.write("zebu.db", std::string(5000, 't'));
    CHECK(has(folder.refusal(), "not a database"));
    CHECK(folder.dir.read("zebu.db") == std::string(5000, 't'));
  }
  SECTION("a database of another program") {
    folder.execute("CREATE TABLE theirs(x)");
    const std::string before = folder.dir.read("zebu.db");
    CHECK(has(folder.refusal(), "of another program"));
    CHECK(folder.dir.read("zebu.db") == before);
  }
  SECTION("a store without checksums") {
    folder.execute("CREATE TABLE job(x); PRAGMA application_id = " + std::to_string(kApplicationId));
    CHECK(has(folder.refusal(), "no checksums"));
  }
}

TEST_CASE("a place where no store can be is refused with the way out") {
  const Folder folder;
  SqliteOptions options;
  SECTION("a missing directory") {
    options.path = folder.dir.path() / "missing" / "zebu.db";
    CHECK(has(SqliteStore::open(options).error().message, "make its directory first"));
  }
  SECTION("a directory") {
    options.path = folder.dir.path();
    CHECK(has(SqliteStore::open(options).error().message, "is a directory"));
  }
  SECTION("a directory that cannot be written to") {
    if (geteuid() == 0) return;  // root may write anywhere
    std::filesystem::permissions(folder.dir.path(),
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
    CHECK(has(folder.refusal(), "this user must be able to write there"));
    std::filesystem::permissions(folder.dir.path(), std::filesystem::perms::owner_all);
  }
  SECTION("a file system without writing") {
    options.path = "/proc/zebu.db";
    CHECK(has(SqliteStore::open(options).error().message, "cannot open '/proc/zebu.db.lock'"));
  }
}

TEST_CASE("forgotten jobs' space in the file is used again") {
  const Folder folder;
  const auto store = std::move(*folder.open());
  REQUIRE(store->recover());
  std::uint64_t sequence = 0;
  std::uintmax_t after_two = 0;
  for (int round = 0; round < 12; ++round) {
    std::vector<Record> records;
    for (int i = 0; i < 2000; ++i) {
      records.push_back(JobAccepted{shared_job(++sequence)});
      records.push_back(finished(std::get<JobAccepted>(records.back()).spec, succeeded(std::string(200, 'r'))));
    }
    REQUIRE(store->commit(records));
    while (store->forget(at_second(3000), 500)->size() == 500) continue;
    if (round == 2) after_two = std::filesystem::file_size(folder.path);
  }
  CHECK(std::filesystem::file_size(folder.path) < 2 * after_two + (1U << 20));
}

TEST_CASE("many jobs resident that end in any order leave no row behind") {
  const Folder folder;
  std::vector<SharedSpec> specs;
  {
    const auto store = std::move(*folder.open());
    REQUIRE(store->recover());
    std::mt19937_64 random(1);
    for (std::uint64_t commit = 0; commit < 60; ++commit) {
      std::vector<Record> records;
      for (std::uint64_t i = 1; i <= 100; ++i) {
        specs.push_back(shared_job(commit * 100 + i));
        records.push_back(JobAccepted{specs.back()});
      }
      std::shuffle(specs.begin(), specs.end(), random);
      for (int i = 0; i < 95; ++i) {
        records.push_back(finished(specs.back()));
        specs.pop_back();
      }
      REQUIRE(store->commit(records));
    }
  }
  SQLite::Database database(folder.path, SQLite::OPEN_READONLY, 0, file_layer(""));
  // Those that are left (300) and at most eight times as many ids.
  CHECK(database.execAndGet("SELECT sum(length(jobs)) / 16 FROM resident").getInt() < 2400);
  const auto store = std::move(*folder.open());
  CHECK(store->recover()->jobs.size() == specs.size());
}
