#include "tests/store/disk_run.h"
#include "tests/support/catch.h"

#include <sqlite3.h>

using namespace zebu;
using namespace zebu::test;
using Operation = FaultyDisk::Operation;

namespace {

// What a power cut left, and how many commits were confirmed by then.
struct Left {
  FaultyDisk::Files files;
  std::size_t confirmed = 0;
};

// Cuts the power before each operation of a run that changes the disk, each time in one of the ways.
std::vector<Left> cut_everywhere(DiskRun& run, int commits, std::mt19937_64& random) {
  std::vector<Left> all;
  FaultyDisk& disk = FaultyDisk::instance();
  disk.set_hook([&](Operation operation, const std::string&) {
    if (operation != Operation::read) {
      all.push_back(
          {disk.after_cut(FaultyDisk::kCuts[random() % std::size(FaultyDisk::kCuts)], random), run.confirmed()});
    }
    return SQLITE_OK;
  });
  REQUIRE_FALSE(run.commit(commits));
  disk.set_hook({});
  run.close();
  return all;
}

}  // namespace

TEST_CASE("after a power cut at any moment all that was confirmed is there, and no half of a commit") {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    std::mt19937_64 random(seed);
    DiskRun run(seed);
    const std::vector<Left> cuts = cut_everywhere(run, 100, random);
    REQUIRE(cuts.size() > 300);
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      INFO("seed " << seed << ", operation " << i << " of " << cuts.size());
      FaultyDisk::instance().files() = cuts[i].files;
      run.put_lock(cuts[i].confirmed);
      const auto opened = run.open();
      INFO((opened ? "" : opened.error().message));
      REQUIRE(opened);
      const auto content = run.content();
      INFO((content ? "" : content.error().message));
      REQUIRE(content);
      REQUIRE(run.is_right(*content, cuts[i].confirmed));
      run.close();
    }
  }
}

TEST_CASE("a store that came back from a power cut goes on, and may lose power again") {
  std::mt19937_64 random(77);
  FaultyDisk& disk = FaultyDisk::instance();
  for (std::uint64_t seed = 10; seed < 14; ++seed) {
    DiskRun run(seed);
    for (int round = 0; round < 15; ++round) {
      REQUIRE_FALSE(run.commit(1 + static_cast<int>(random() % 10)));
      // What is confirmed is synced: a cut now loses nothing, whatever it leaves of the rest.
      const auto left = disk.after_cut(FaultyDisk::kCuts[random() % std::size(FaultyDisk::kCuts)], random);
      run.close();
      disk.files() = left;
      const auto opened = run.open();
      INFO("seed " << seed << ", round " << round << ": " << (opened ? "" : opened.error().message));
      REQUIRE(opened);
      REQUIRE(run.is_right(*run.content(), run.confirmed()));
    }
  }
}

TEST_CASE("a disk that is full ends the store; with room again nothing confirmed is lost") {
  FaultyDisk& disk = FaultyDisk::instance();
  for (int room = 0; room < 400; room += 7) {
    DiskRun run(static_cast<std::uint64_t>(room) + 1);
    int writes = 0;
    disk.set_hook([&](Operation operation, const std::string&) {
      return operation == Operation::write && ++writes > room ? SQLITE_FULL : SQLITE_OK;
    });
    const auto error = run.commit(300);
    INFO("room for " << room << " writes");
    REQUIRE(error);
    CHECK(error->message.find("free space") != std::string::npos);
    // It stays dead, with room or without.
    disk.set_hook({});
    CHECK_FALSE(run.store().commit({}));
    CHECK_FALSE(run.store().find({}));
    run.close();
    const auto opened = run.open();
    INFO((opened ? "" : opened.error().message));
    REQUIRE(opened);
    REQUIRE(run.is_right(*run.content(), run.confirmed()));
  }
}

TEST_CASE("an error of the disk ends the store; the next start has all that was confirmed") {
  FaultyDisk& disk = FaultyDisk::instance();
  const auto [operation, code] = GENERATE(table<Operation, int>({{Operation::read, SQLITE_IOERR_READ},
                                                                 {Operation::write, SQLITE_IOERR_WRITE},
                                                                 {Operation::truncate, SQLITE_IOERR_TRUNCATE},
                                                                 {Operation::sync, SQLITE_IOERR_FSYNC}}));
  std::mt19937_64 random(5);
  for (int after = 0; after < 100; after += 5) {
    DiskRun run(static_cast<std::uint64_t>(after) + 1);
    int count = 0;
    disk.set_hook([&, failing = operation, rc = code](Operation one, const std::string&) {
      return one == failing && ++count > after ? rc : SQLITE_OK;
    });
    const auto error = run.commit(60);
    INFO("after " << after << " operations: " << (error ? error->message : "no error"));
    if (error) CHECK_FALSE(run.store().commit({}));
    // What was written and could not be synced is as after a power cut.
    const auto left = disk.after_cut(FaultyDisk::kCuts[random() % std::size(FaultyDisk::kCuts)], random);
    run.close();
    disk.set_hook({});
    disk.files() = left;
    const auto opened = run.open();
    INFO((opened ? "" : opened.error().message));
    REQUIRE(opened);
    REQUIRE(run.is_right(*run.content(), run.confirmed()));
  }
}
