#include "broker/store/sqlite/store.h"

#include <algorithm>

namespace zebu::broker {
namespace {

// Pieces of large values that recovery removes in one commit: some MiB.
constexpr std::size_t kPiecesACommit = 32;
// With less room than so many times what is kept free, one commit or two may use it up.
constexpr std::uint64_t kNearlyFull = 8;

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const SqliteOptions& options) {
  auto file = SqliteFile::open(options);
  if (!file) return tl::make_unexpected(file.error());
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(*file)));
  const auto prepared = store->guarded("open it", [&] {
    store->tables_ = std::make_unique<Tables>(store->file_->database());
    return true;
  });
  if (!prepared) return tl::make_unexpected(prepared.error());
  return store;
}

SqliteStore::SqliteStore(std::unique_ptr<SqliteFile> file) : file_(std::move(file)), name_("sqlite:" + file_->path()) {}

SqliteStore::Tables::Tables(SQLite::Database& database)
    : begin(database, "BEGIN IMMEDIATE"),
      commit(database, "COMMIT"),
      queues(database),
      lines(database),
      large(database),
      reader(database, resident, lines, large),
      writer(database, resident, queues, lines, large, reader) {}

SqliteStore::~SqliteStore() { write_mark(); }

template <class Work>
auto SqliteStore::guarded(const char* doing, Work&& work) -> Result<decltype(work())> {
  if (dead_) return tl::make_unexpected(*dead_);
  try {
    return work();
  } catch (const std::exception&) {
    dead_ = file_->explain(doing);
    return tl::make_unexpected(*dead_);
  }
}

void SqliteStore::begin() {
  if (!has_begun_) tables_->begin.run();
  has_begun_ = true;
}

template <class Work>
auto SqliteStore::committed(const char* doing, Work&& work) -> Result<decltype(work())> {
  return guarded(doing, [&] {
    begin();  // after an error the store is dead: its transaction ends when it is closed
    auto result = work();
    CommitMark mark = file_->mark();
    tables_->writer.finish(++mark.commit);
    tables_->commit.run();
    has_begun_ = false;
    file_->set_mark(mark);
    return result;
  });
}

template <class Work>
auto SqliteStore::read(const char* doing, Work&& work) -> Result<decltype(work())> {
  return guarded(doing, [&] {
    if (tables_->writer.has_recent()) {
      begin();
      tables_->writer.insert_recent();
    }
    return work();
  });
}

Result<Recovered> SqliteStore::recover() {
  auto recovered = recover_all();
  if (recovered && file_->room() != nullptr) file_->room()->may_wait_now();
  return recovered;
}

Result<Recovered> SqliteStore::recover_all() {
  return guarded("recover it", [&] {
    begin();
    remove_leftovers();
    tables_->queues.load();
    tables_->lines.load(tables_->queues.names());
    tables_->writer.load();
    Recovered recovered;
    NamedResident named = tables_->reader.recover();
    tables_->writer.forget_later(named.ended);
    recovered.jobs = std::move(named.jobs);
    recovered.queues = tables_->queues.totals();
    recovered.lines = tables_->lines.with_jobs();
    recovered.settings = tables_->queues.settings();
    recovered.consumers = tables_->reader.consumers();
    recovered.counts = tables_->writer.counters().counts;
    recovered.next_sequence = tables_->writer.counters().next_sequence;
    recovered.clock_ahead = tables_->writer.counters().clock_ahead;
    return recovered;
  });
}

Result<std::vector<Duplicate>> SqliteStore::commit(const std::vector<Record>& records) {
  return committed("commit", [&] { return tables_->writer.apply(records); });
}

// A piece that goes costs the next commit some pages, and no sync of its own.
void SqliteStore::tidy() {
  write_mark();
  (void)guarded("begin the next commit", [&] { return begin(), tables_->large.remove_some(); });
}

// Nobody waits for a commit yet, so all that was left goes now.
void SqliteStore::remove_leftovers() {
  tables_->large.load();
  if (is_full()) return;  // they go piece by piece, with other commits
  for (bool has_more = true; has_more;) {
    std::size_t pieces = 0;
    while (pieces < kPiecesACommit && has_more) {
      has_more = tables_->large.remove_some();
      if (has_more) ++pieces;
    }
    if (pieces == 0) return;
    tables_->commit.run();
    has_begun_ = false;
    begin();
  }
}

// Bytes of new jobs. What is full needs a shorter log, and so less.
std::uint64_t SqliteStore::measure(DiskRoom& room) {
  const auto measured = [&] {
    const auto [free_inside, owed] = file_->growth();
    return room.room_for_jobs(free_inside, owed);
  };
  std::uint64_t bytes = measured();
  if (room.is_full() == file_->is_log_short()) return bytes;
  file_->keep_log_short(room.is_full());
  return room.is_full() ? measured() : bytes;
}

bool SqliteStore::is_full() {
  if (file_->room() == nullptr) return false;
  static_cast<void>(measure(*file_->room()));
  return file_->room()->is_full();
}

Result<StoreState> SqliteStore::look() {
  if (dead_) return tl::make_unexpected(*dead_);
  DiskRoom* room = file_->room();
  if (room == nullptr) return StoreState{};
  if (auto there = file_->look_after_files(); !there) {
    dead_ = there.error();
    return tl::make_unexpected(*dead_);
  }
  return guarded("see how much room there is", [&] {
    StoreState state;
    state.room = measure(*room);
    state.is_full = room->is_full();
    state.is_low = room->is_low();
    state.is_nearly_full = *state.room < kNearlyFull * room->share();
    return state;
  });
}

std::string SqliteStore::trouble() const { return file_->room() == nullptr ? std::string() : file_->room()->trouble(); }

void SqliteStore::give_up() {
  if (file_->room() != nullptr) file_->room()->give_up();
}

void SqliteStore::write_mark() {
  (void)guarded("write its mark", [&] { return file_->write_mark(), true; });
}

Result<std::vector<std::optional<StoredJob>>> SqliteStore::find(const std::vector<JobId>& ids) {
  return read("look jobs up", [&] { return tables_->reader.find(ids, SqliteReader::Large::read); });
}

Result<std::vector<std::optional<StoredJob>>> SqliteStore::find_to_show(const std::vector<JobId>& ids) {
  return read("look jobs up", [&] { return tables_->reader.find(ids, SqliteReader::Large::leave_out); });
}

Result<std::vector<StoredJob>> SqliteStore::load_queued(const LineName& line, LineKey from, std::size_t limit,
                                                        std::size_t bytes) {
  return read("load queued jobs", [&] { return tables_->reader.load_queued(line, from, limit, bytes); });
}

Result<std::vector<StoredJob>> SqliteStore::load_scheduled(ScheduleKey from, std::size_t limit, std::size_t bytes) {
  return read("load scheduled jobs", [&] { return tables_->reader.load_scheduled(from, limit, bytes); });
}

Result<std::vector<StoredJob>> SqliteStore::load_expired(WallTime latest, std::size_t limit, ExpiryKey from) {
  return read("load expired jobs", [&] { return tables_->reader.load_expired(latest, limit, from); });
}

Result<ListPage> SqliteStore::list(const ListFilter& filter) {
  return read("list jobs", [&] { return tables_->reader.list(filter); });
}

Result<std::vector<Dropped>> SqliteStore::forget(WallTime now, std::size_t limit) {
  const auto is_any_due = guarded("forget outcomes", [&] { return tables_->writer.is_any_due(now); });
  if (!is_any_due) return tl::make_unexpected(is_any_due.error());
  if (!*is_any_due) return std::vector<Dropped>{};
  return committed("forget outcomes", [&] {
    tables_->writer.insert_recent();
    return tables_->writer.forget(now, limit);
  });
}

Result<std::vector<Dropped>> SqliteStore::forget_failed(const std::vector<std::string>& queues, std::uint64_t keep,
                                                        std::size_t limit) {
  return committed("forget failed jobs", [&] {
    tables_->writer.insert_recent();
    return tables_->writer.forget_failed(queues, keep, limit);
  });
}

}  // namespace zebu::broker
