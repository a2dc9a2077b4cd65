#include "broker/store/maintenance.h"
#include "broker/store/sqlite/file_layer.h"
#include "broker/store/sqlite/page_checksums.h"
#include "broker/store/sqlite/schema.h"
#include "broker/store/sqlite/store.h"
#include "tests/support/catch.h"
#include "tests/support/faulty_disk.h"
#include "tests/support/store_fixture.h"

using namespace zebu;
using namespace zebu::broker;
using namespace zebu::test;

// How the SQLite store spreads jobs over its tables.
namespace {

struct OpenStore {
  TempDir dir;
  std::unique_ptr<SqliteStore> store;
  Recovered recovered;

  OpenStore() { reopen(); }

  void reopen() {
    store.reset();
    SqliteOptions options;
    options.path = path();
    auto opened = SqliteStore::open(options);
    INFO((opened ? "" : opened.error().message));
    REQUIRE(opened);
    store = std::move(*opened);
    recovered = std::move(*store->recover());
  }

  [[nodiscard]] std::string path() const { return dir.path() / "zebu.db"; }
  [[nodiscard]] std::uintmax_t log_size() const { return std::filesystem::file_size(path() + "-wal"); }
  // With the store closed.
  [[nodiscard]] int count(const std::string& sql) const {
    SQLite::Database database(path(), SQLite::OPEN_READWRITE, 0, file_layer(""));
    return database.execAndGet(sql).getInt();
  }
};

// With sequences from 1 on.
std::vector<SharedSpec> jobs(std::uint64_t count) {
  std::vector<SharedSpec> specs;
  for (std::uint64_t i = 1; i <= count; ++i) specs.push_back(shared_job(i));
  return specs;
}

JobSpec in_queue(std::uint64_t sequence, const std::string& queue) {
  JobSpec spec = job(sequence);
  spec.queue = queue;
  return spec;
}

}  // namespace

TEST_CASE("a commit of one job writes one page to the log, now and then a few more") {
  constexpr std::uintmax_t kFrame = kPageSize + 24;
  OpenStore s;
  REQUIRE(s.store->commit({JobAccepted{shared_job(1)}}));
  std::uintmax_t before = s.log_size();
  int large = 0;
  for (std::uint64_t i = 2; i <= 200; ++i) {
    const SharedSpec spec = shared_job(i);
    for (const Record& record : {Record(JobAccepted{spec}), Record(finished(spec))}) {
      REQUIRE(s.store->commit({record}));
      const std::uintmax_t pages = (s.log_size() - before) / kFrame;
      before = s.log_size();
      REQUIRE(pages <= 8);
      if (pages > 1) ++large;
    }
  }
  // When its row goes into the tables with those before it, and when the list of the newest becomes a row.
  CHECK(large <= 30);
}

// A temporary file would want a folder that can be written to and room in it, and time.
TEST_CASE("a commit of many jobs uses no file but the store's own") {
  FaultyDisk& disk = FaultyDisk::instance();
  disk.files().clear();
  TempDir dir;
  SqliteOptions options;
  options.path = dir.path() / "zebu.db";
  options.vfs = FaultyDisk::vfs();
  auto store = std::move(*SqliteStore::open(options));
  REQUIRE(store->recover());
  const std::vector<SharedSpec> specs = jobs(6000);
  for (std::size_t part = 0; part < 3; ++part) {
    std::vector<Record> records;
    for (std::size_t i = part; i < specs.size(); i += 3) records.push_back(JobAccepted{specs[i]});
    REQUIRE(store->commit(records));
  }
  for (std::size_t part = 0; part < 3; ++part) {
    std::vector<Record> records;
    for (std::size_t i = part; i < specs.size(); i += 3) records.push_back(finished(specs[i]));
    REQUIRE(store->commit(records));
  }
  for (const auto& [path, file] : disk.files()) CHECK(path.rfind(options.path, 0) == 0);
  store.reset();
  disk.files().clear();
}

TEST_CASE("a few jobs resident are found again, and cost no row") {
  OpenStore s;
  const std::vector<SharedSpec> specs = jobs(30);
  for (const SharedSpec& spec : specs) REQUIRE(s.store->commit({JobAccepted{spec}}));
  s.reopen();
  CHECK(s.recovered.jobs.size() == 30);
  for (std::size_t i = 0; i < 29; ++i) REQUIRE(s.store->commit({finished(specs[i])}));
  s.reopen();
  REQUIRE(s.recovered.jobs.size() == 1);
  CHECK(s.recovered.jobs[0].spec->sequence == 30);
  s.store.reset();
  CHECK(s.count("SELECT count(*) FROM resident") == 0);
}

TEST_CASE("outcomes are forgotten in time, also those whose forgetting was not written before a restart") {
  OpenStore s;
  for (const SharedSpec& spec : jobs(20)) {
    REQUIRE(s.store->commit({JobAccepted{spec}}));
    REQUIRE(s.store->commit({finished(spec)}));
  }
  const bool is_restarted = GENERATE(false, true);
  if (is_restarted) {
    s.store.reset();
    CHECK(s.count("SELECT count(*) FROM forgetting") == 0);
    s.reopen();
    CHECK(s.recovered.jobs.empty());
  }
  CHECK(s.store->forget(at_second(2999), 100)->empty());
  CHECK(s.store->forget(at_second(3000), 15)->size() == 15);
  CHECK(s.store->forget(at_second(3000), 15)->size() == 5);
  CHECK(s.store->forget(at_second(3000), 15)->empty());
  s.reopen();
  CHECK(s.store->forget(at_second(9000), 100)->empty());
  CHECK(s.recovered.counts == std::array<std::uint64_t, kJobStates>{});
}

TEST_CASE("a job with the id of one that was forgotten is not taken for that one after a restart") {
  OpenStore s;
  const SharedSpec first = shared_job(1);
  REQUIRE(s.store->commit({JobAccepted{first}}));
  REQUIRE(s.store->commit({finished(first)}));
  REQUIRE(s.store->forget(at_second(9000), 100)->size() == 1);
  JobSpec again = job(2);
  again.id = first->id;
  again.due = at_second(10'000);
  REQUIRE(s.store->commit({JobAccepted{shared(again)}}));
  s.reopen();
  CHECK(s.recovered.jobs.empty());
  CHECK(s.store->find({again.id})->front()->state == JobState::scheduled);
  CHECK(s.store->load_scheduled({}, 10, 10'000)->size() == 1);
}

TEST_CASE("the counts of many queues are right after a restart, whichever changed last") {
  OpenStore s;
  std::uint64_t sequence = 0;
  for (int round = 0; round < 3; ++round) {
    for (int queue = 0; queue < 40; ++queue) {
      REQUIRE(s.store->commit({JobAccepted{shared(in_queue(++sequence, "queue" + std::to_string(queue)))}}));
    }
  }
  REQUIRE(s.store->commit({QueueChanged{{"queue7", true, "repair", {}}}}));
  s.reopen();
  REQUIRE(s.recovered.queues.size() == 40);
  for (const StoredQueue& queue : s.recovered.queues) CHECK(queue.queued == 3);
  REQUIRE(s.recovered.settings.size() == 1);
  CHECK(s.recovered.settings[0].reason == "repair");
}

TEST_CASE("of jobs with the same id the first is taken, in one commit or in several") {
  OpenStore s;
  const SharedSpec one = shared_job(1);
  const SharedSpec two = shared_job(2);
  const auto twin = [](std::uint64_t sequence, const SharedSpec& of) {
    JobSpec spec = job(sequence);
    spec.id = of->id;
    return shared(std::move(spec));
  };
  const SharedSpec late = twin(3, one);
  const auto within = s.store->commit({JobAccepted{one}, JobAccepted{two}, JobAccepted{late}});
  REQUIRE(within->size() == 1);
  CHECK(within->front().spec == late);
  const SharedSpec later = twin(5, two);
  const auto across = s.store->commit({JobAccepted{shared_job(4)}, JobAccepted{later}});
  REQUIRE(across->size() == 1);
  CHECK(across->front().spec == later);
  CHECK(across->front().of == two->id);
  const SharedSpec alone = shared_job(6);
  CHECK(s.store->commit({JobAccepted{alone}})->empty());
  const SharedSpec again = twin(7, alone);
  const auto of_recent = s.store->commit({JobAccepted{again}});
  REQUIRE(of_recent->size() == 1);
  CHECK(of_recent->front().spec == again);
  s.reopen();
  CHECK(s.recovered.jobs.size() == 4);
  CHECK(s.recovered.next_sequence == 7);
}

TEST_CASE("rows of the newest jobs are in no table yet, and are found all the same") {
  OpenStore s;
  const SharedSpec ended = shared_job(1);
  const SharedSpec waits = shared_job(2);
  const SharedSpec cancelled_one = shared_job(4);
  const auto rows = [&] { return s.count("SELECT (SELECT count(*) FROM job) + (SELECT count(*) FROM status)"); };
  const auto is_right = [&] {
    const auto found = s.store->find({ended->id, waits->id});
    REQUIRE((*found)[0]);
    REQUIRE((*found)[1]);
    CHECK((*found)[0]->state == JobState::succeeded);
    CHECK((*found)[1]->state == JobState::queued);
  };
  REQUIRE(s.store->commit({JobAccepted{ended}}));
  REQUIRE(s.store->commit({finished(ended)}));
  REQUIRE(s.store->commit({JobAccepted{waits}}));
  REQUIRE(s.store->commit({JobAccepted{cancelled_one}}));
  REQUIRE(s.store->commit({finished(cancelled_one, cancelled())}));
  is_right();
  s.store.reset();
  CHECK(rows() == 0);
  CHECK(check_store(s.path()));
  for (int starts = 0; starts < 2; ++starts) {  // nothing is committed before the second one
    s.reopen();
    CHECK(s.recovered.jobs.size() == 1);
    is_right();
  }
  REQUIRE(s.store->commit({JobAccepted{shared_job(5)}}));
  s.store.reset();
  CHECK(rows() == 5);
  s.reopen();
  CHECK(s.recovered.jobs.size() == 2);
  is_right();
  CHECK(s.store->forget(at_second(3000), 100)->size() == 2);
  CHECK(s.store->commit({JobForgotten{waits->id}}));
  s.store.reset();
  const auto checked = check_store(s.path());
  INFO((checked ? "" : checked.error().message));
  CHECK(checked);
}
