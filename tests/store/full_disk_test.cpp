#include "broker/store/sqlite/disk_room.h"
#include "broker/store/store_thread.h"
#include "tests/store/disk_run.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

// A disk that fills up under a store that is looked after.
using namespace zebu;
using namespace zebu::broker;
using namespace zebu::test;
using Operation = FaultyDisk::Operation;

namespace {

constexpr std::uint64_t kShare = 4U << 20;

// A store in a thread of its own on the faulty disk, which has room or not.
struct LookedAfter {
  TempDir dir;
  std::atomic<bool> is_log_full = false;
  std::atomic<bool> is_file_full = false;
  std::atomic<std::uint64_t> free = 1U << 30;  // on the volume
  std::atomic<bool> is_read_only = false;
  std::optional<StoreThread> thread;
  BatchNumber batch = 0;
  std::vector<JobId> ids;

  LookedAfter() {
    FaultyDisk& disk = FaultyDisk::instance();
    disk.files().clear();
    disk.set_hook([this](Operation operation, const std::string& path) {
      const bool is_full = path.ends_with("-wal") ? is_log_full : is_file_full;
      return operation == Operation::write && is_full ? SQLITE_FULL : SQLITE_OK;
    });
    thread.emplace(open());
  }
  ~LookedAfter() {
    is_log_full = is_file_full = false;
    thread.reset();
    FaultyDisk::instance().set_hook({});
  }

  std::string path() const { return dir.path() / "zebu.db"; }
  bool has_reserve() const { return std::filesystem::exists(path() + ".reserve"); }
  std::unique_ptr<Store> open() const {
    SqliteOptions options;
    options.path = path();
    options.vfs = FaultyDisk::vfs();
    options.checkpoint_pages = 30;
    options.is_looked_after = true;
    options.reserve = kShare;
    options.ask_volume = [this](int) { return VolumeRoom{1U << 30, free, is_read_only}; };
    auto store = SqliteStore::open(options);
    if (!store) throw std::runtime_error(store.error().message);
    if (const auto recovered = (*store)->recover(); !recovered) throw std::runtime_error(recovered.error().message);
    return std::move(*store);
  }
  void start() {
    const SharedSpec spec = shared_job(++batch);
    ids.push_back(spec->id);
    thread->start({batch, {JobAccepted{spec}}, {}, false});
  }
  // Whether all jobs are there for the next broker.
  bool has_all() {
    thread.reset();
    const auto found = open()->find(ids);
    return found && std::all_of(found->begin(), found->end(), [](const auto& job) { return job.has_value(); });
  }
  Result<StoreState> look() {
    thread->start({std::nullopt, {}, {}, true});
    const auto done = thread->wait();
    if (!*done) return tl::make_unexpected(done->error());
    return *(*done)->state;
  }
};

}  // namespace

TEST_CASE("a commit that finds no room gives the reserve up, then waits, and goes on by itself") {
  LookedAfter store;
  REQUIRE(store.has_reserve());
  store.start();
  REQUIRE(*store.thread->wait());
  store.is_log_full = true;
  store.start();
  REQUIRE(eventually([&] { return !store.thread->trouble().empty(); }));
  CHECK(store.thread->trouble().find("free space there") != std::string::npos);
  CHECK_FALSE(store.has_reserve());
  CHECK_FALSE(store.thread->take());

  store.is_log_full = false;
  const auto done = store.thread->wait();
  REQUIRE(done);
  REQUIRE(*done);
  CHECK(store.thread->trouble().empty());
  // There is room: the next look makes the reserve anew.
  const auto state = store.look();
  REQUIRE(state);
  CHECK_FALSE(state->is_full);
  CHECK(store.has_reserve());
  store.start();
  REQUIRE(*store.thread->wait());
  CHECK(store.ids.size() == 3);
  CHECK(store.has_all());
}

TEST_CASE("a commit that waits for room fails when the broker is to end, and says what to do") {
  LookedAfter store;
  store.is_log_full = true;
  store.start();
  REQUIRE(eventually([&] { return !store.thread->trouble().empty(); }));
  store.thread->give_up();
  const auto done = store.thread->wait();
  REQUIRE(done);
  REQUIRE_FALSE(*done);
  CHECK(done->error().message.find("free space on its file system and start again") != std::string::npos);
}

TEST_CASE("while the file cannot grow, the log does, and commits go on") {
  LookedAfter store;
  store.is_file_full = true;
  for (int i = 0; i < 200; ++i) {
    store.start();
    const auto done = store.thread->wait();
    REQUIRE(done);
    REQUIRE(*done);
  }
  CHECK(store.thread->trouble().empty());
  CHECK(FaultyDisk::instance().files().at(store.path() + "-wal").content.size() > 60 * 8192);
  store.is_file_full = false;
  store.start();
  REQUIRE(*store.thread->wait());
  CHECK(store.has_all());
}

TEST_CASE("a store says how full its volume is, and changes its mind only when there is clearly more") {
  LookedAfter store;
  struct Row {
    double shares;  // that the volume has free beside the reserve's file
    bool is_full;
  };
  // The log is going to grow by a bit, which counts as used.
  for (const Row& row :
       {Row{9, false}, Row{1.2, false}, Row{0.7, true}, Row{0.9, true}, Row{0.1, true}, Row{2, false}}) {
    INFO(row.shares << " shares are free");
    store.free = static_cast<std::uint64_t>(row.shares * static_cast<double>(kShare));
    const auto state = store.look();
    REQUIRE(state);
    CHECK(state->is_full == row.is_full);
    CHECK_FALSE(state->is_low);  // the reserve's file is there
    CHECK((*state->room == 0) == row.is_full);
    CHECK(*state->room <= store.free);
    CHECK(state->is_nearly_full == (row.shares < 9));
  }
}

TEST_CASE("pages that the file has free are room, and jobs that were forgotten leave them") {
  LookedAfter store;
  const auto look = [&] { return *store.look()->room; };
  broker::JobSpec large = job(1000);
  large.args = std::string(200'000, 'x');
  const SharedSpec spec = shared(large);
  store.thread->start({++store.batch, {JobAccepted{spec}}, {}, false});
  REQUIRE(*store.thread->wait());
  const std::uint64_t before = look();
  store.thread->start({++store.batch, {finished(spec)}, {}, false});
  REQUIRE(*store.thread->wait());
  store.thread->start({std::nullopt, {}, {Forget{at_second(1'000'000), 100}}, false});
  REQUIRE(*store.thread->wait());
  CHECK(look() > before + 150'000);
}

TEST_CASE("a volume that can only be read ends the store, with words") {
  LookedAfter store;
  REQUIRE(store.look());
  store.is_read_only = true;
  const auto state = store.look();
  REQUIRE_FALSE(state);
  CHECK(state.error().message.find("can only be read now") != std::string::npos);
  store.start();
  CHECK_FALSE(*store.thread->wait());
}

TEST_CASE("a quota that leaves no room for the reserve keeps the store full, whatever the volume says") {
  const TempDir dir;
  const int file = ::open(dir.write("some file", "x").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  DiskRoom room(dir.path() / "zebu.db", file, kShare, [](int) { return VolumeRoom{1U << 30, 1U << 30, false}; });
  REQUIRE(room.has_file());
  CHECK(std::filesystem::file_size(dir.path() / "zebu.db.reserve") == kShare / 4);
  CHECK(room.make_room(true));
  CHECK_FALSE(room.has_file());
  CHECK(room.is_full());
  CHECK_FALSE(room.make_room(true));  // a store that starts does not wait
  room.made_room();
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto old = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{kShare / 8, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  const std::uint64_t none = room.room_for_jobs(0, 0);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, old);
  CHECK(none == 0);
  CHECK(room.is_full());
  CHECK(room.room_for_jobs(0, 0) > 8 * kShare);
  CHECK_FALSE(room.is_full());
  CHECK(room.has_file());
  ::close(file);
}

TEST_CASE("a store is low when nearly all of its reserve is used up, its file included") {
  const TempDir dir;
  std::uint64_t free = 10 * kShare;
  const auto ask = [&](int) { return VolumeRoom{1U << 30, free, false}; };
  DiskRoom room(dir.path() / "zebu.db", -1, kShare, ask);
  REQUIRE(room.has_file());
  free = 0;
  CHECK(room.room_for_jobs(0, 0) == 0);
  CHECK_FALSE(room.is_low());  // a quarter is left: the file
  REQUIRE(room.make_room(true));
  struct Row {
    std::uint64_t free;
    bool is_low;
  };
  for (const Row& row : {Row{kShare / 4, false}, Row{kShare / 7, false}, Row{kShare / 9, true}, Row{kShare / 7, true},
                         Row{kShare / 5, false}}) {
    free = row.free;
    CHECK(room.room_for_jobs(0, 0) == 0);
    CHECK(room.is_low() == row.is_low);
  }
  CHECK_FALSE(room.has_file());
}

TEST_CASE("a reserve that is as large as the volume leaves no room, and makes no file") {
  const TempDir dir;
  const int file = ::open(dir.write("some file", "x").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  DiskRoom room(dir.path() / "zebu.db", file, 1ULL << 50);
  CHECK_FALSE(room.has_file());
  CHECK(room.room_for_jobs(0, 0) == 0);
  CHECK(room.is_full());
  ::close(file);
}
