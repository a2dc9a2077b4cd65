#include "broker/store/sqlite/page_checksums.h"
#include "tests/store/disk_run.h"
#include "tests/support/catch.h"

using namespace zebu;
using namespace zebu::test;

namespace {

// A refusal that says what to do, or an answer that is right: never another answer.
void expect_no_wrong_answer(DiskRun& run, const FaultyDisk::Files& damaged, int& refused) {
  FaultyDisk::instance().files() = damaged;
  run.put_lock(run.confirmed());
  const auto opened = run.open();
  const auto content = opened ? run.content() : Result<std::string>(tl::make_unexpected(opened.error()));
  run.close();
  if (content) {
    REQUIRE(run.is_right(*content, run.confirmed()));
    return;
  }
  ++refused;
  INFO(content.error().message);
  REQUIRE(content.error().message.find("zebu-broker check") != std::string::npos);
  REQUIRE(content.error().message.find("backup") != std::string::npos);
}

// The disk of a process that was killed: with a write-ahead log that is not yet in the file.
FaultyDisk::Files killed(DiskRun& run, int commits) {
  REQUIRE_FALSE(run.commit(commits));
  const FaultyDisk::Files files = FaultyDisk::instance().files();
  run.close();
  REQUIRE(files.at(run.path()).content.size() > 100'000);
  REQUIRE(files.at(run.wal()).content.size() > 10'000);
  return files;
}

}  // namespace

TEST_CASE("a flipped bit anywhere in the file or its log is noticed, or changes no answer") {
  DiskRun run(21);
  const FaultyDisk::Files files = killed(run, 83);
  std::mt19937_64 random(1);
  int refused = 0;
  for (int i = 0; i < 900; ++i) {
    const std::string path = i % 3 == 0 ? run.wal() : run.path();
    FaultyDisk::Files damaged = files;
    std::string& content = damaged.at(path).content;
    // Every byte of the header, then any.
    const std::size_t at = i < 360 ? static_cast<std::size_t>(i) / 3 : random() % content.size();
    content[at] = static_cast<char>(content[at] ^ static_cast<char>(1 << random() % 8));
    INFO("byte " << at << " of " << path);
    expect_no_wrong_answer(run, damaged, refused);
  }
  CHECK(refused > 150);
}

TEST_CASE("a file or log that was cut is noticed, or changes no answer") {
  DiskRun run(22);
  const FaultyDisk::Files files = killed(run, 83);
  std::mt19937_64 random(2);
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string path = i % 2 == 0 ? run.wal() : run.path();
    FaultyDisk::Files damaged = files;
    std::string& content = damaged.at(path).content;
    content.resize(i < 2 ? 0 : i % 3 == 0 ? random() % (content.size() / 8192) * 8192 : random() % content.size());
    INFO(path << " cut to " << content.size());
    expect_no_wrong_answer(run, damaged, refused);
  }
  CHECK(refused > 150);
}

// The log says how many pages the file has, and SQLite takes those that are missing for zeros.
TEST_CASE("whole pages that are missing at the end of the file are noticed") {
  DiskRun run(23);
  broker::JobSpec large = job(1);
  large.args = std::string(200'000, 'x');
  REQUIRE(run.store().commit({broker::JobAccepted{shared(large)}}));
  REQUIRE(run.open());  // all is in the file
  REQUIRE(run.store().commit({broker::JobAccepted{shared_job(2)}}));
  const FaultyDisk::Files files = FaultyDisk::instance().files();
  run.close();
  REQUIRE(files.at(run.path()).content.size() > 200'000);
  REQUIRE_FALSE(files.at(run.wal()).content.empty());
  for (std::size_t missing = 1; missing <= 20; ++missing) {
    FaultyDisk::instance().files() = files;
    std::string& content = FaultyDisk::instance().files().at(run.path()).content;
    content.resize(content.size() - missing * broker::kPageSize);
    INFO(missing << " pages are missing");
    Error error;
    if (const auto opened = run.open(); !opened) {
      error = opened.error();
    } else {
      const auto found = run.store().find({large.id});
      REQUIRE_FALSE(found);
      error = found.error();
    }
    CHECK(error.message.find("is missing") != std::string::npos);
    CHECK(error.message.find("put a backup in its place") != std::string::npos);
    run.close();
  }
}

TEST_CASE("a file that is missing is noticed, and a log that held something") {
  int refused = 0;
  for (std::uint64_t seed = 30; seed < 35; ++seed) {
    DiskRun run(seed);
    const FaultyDisk::Files files = killed(run, 83);
    for (const std::string& path : {run.wal(), run.path()}) {
      FaultyDisk::Files damaged = files;
      damaged.erase(path);
      expect_no_wrong_answer(run, damaged, refused);
    }
  }
  CHECK(refused > 5);
}

TEST_CASE("an older copy is refused until the lock's file is removed") {
  DiskRun run(24);
  REQUIRE_FALSE(run.commit(40));
  run.close();
  const FaultyDisk::Files old = FaultyDisk::instance().files();
  const std::size_t confirmed = run.confirmed();
  REQUIRE(run.open());
  REQUIRE_FALSE(run.commit(5));
  run.close();
  FaultyDisk::instance().files() = old;
  const auto refused = run.open();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("remove '" + run.path() + ".lock'") != std::string::npos);
  std::filesystem::remove(run.path() + ".lock");
  REQUIRE(run.open());
  CHECK(run.is_right(*run.content(), confirmed));
}
