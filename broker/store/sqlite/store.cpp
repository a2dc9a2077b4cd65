#include "broker/store/sqlite/store.h"

#include <algorithm>

namespace zebu::broker {

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const SqliteOptions& options) {
  auto file = SqliteFile::open(options);
  if (!file) return tl::make_unexpected(file.error());
  const std::string path = (*file)->path();
  try {
    return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(*file)));
  } catch (const std::exception&) {
    return tl::make_unexpected(explain("open it", path));
  }
}

SqliteStore::SqliteStore(std::unique_ptr<SqliteFile> file)
    : file_(std::move(file)),
      name_("sqlite:" + file_->path()),
      begin_(file_->database(), "BEGIN IMMEDIATE"),
      commit_(file_->database(), "COMMIT"),
      queues_(file_->database()),
      reader_(file_->database(), at_hand_, queues_),
      writer_(file_->database(), at_hand_, queues_, reader_) {}

SqliteStore::~SqliteStore() { write_mark(); }

template <class Work>
auto SqliteStore::guarded(const char* doing, Work&& work) -> Result<decltype(work())> {
  if (dead_) return tl::make_unexpected(*dead_);
  try {
    return work();
  } catch (const std::exception&) {
    dead_ = explain(doing, file_->path());
    return tl::make_unexpected(*dead_);
  }
}

void SqliteStore::begin() {
  if (!has_begun_) begin_.run();
  has_begun_ = true;
}

template <class Work>
auto SqliteStore::committed(const char* doing, Work&& work) -> Result<decltype(work())> {
  return guarded(doing, [&] {
    begin();  // after an error the store is dead: its transaction ends when it is closed
    auto result = work();
    CommitMark mark = file_->mark();
    writer_.finish(++mark.commit);
    commit_.run();
    has_begun_ = false;
    file_->set_mark(mark);
    return result;
  });
}

template <class Work>
auto SqliteStore::read(const char* doing, Work&& work) -> Result<decltype(work())> {
  return guarded(doing, [&] {
    if (writer_.has_recent()) {
      begin();
      writer_.insert_recent();
    }
    return work();
  });
}

Result<Recovered> SqliteStore::recover() {
  return guarded("recover it", [&] {
    begin();
    queues_.load();
    writer_.load();
    Recovered recovered;
    NamedAtHand named = reader_.recover();
    writer_.forget_later(named.ended);
    recovered.jobs = std::move(named.jobs);
    recovered.queues = queues_.totals();
    recovered.lines = reader_.lines(recovered.queues);
    recovered.settings = queues_.settings();
    recovered.consumers = reader_.consumers();
    recovered.counts = writer_.counters().counts;
    recovered.next_sequence = writer_.counters().next_sequence;
    return recovered;
  });
}

Result<std::vector<Duplicate>> SqliteStore::commit(const std::vector<Record>& records) {
  return committed("commit", [&] { return writer_.apply(records); });
}

void SqliteStore::tidy() {
  write_mark();
  (void)guarded("begin the next commit", [&] { return begin(), true; });
}

void SqliteStore::write_mark() {
  (void)guarded("write its mark", [&] { return file_->write_mark(), true; });
}

Result<std::vector<std::optional<StoredJob>>> SqliteStore::find(const std::vector<JobId>& ids) {
  return read("look jobs up", [&] {
    std::vector<std::optional<StoredJob>> found;
    found.reserve(ids.size());
    for (const JobId& id : ids) found.push_back(reader_.find(id));
    return found;
  });
}

Result<std::vector<StoredJob>> SqliteStore::load_queued(const LineName& line, LineKey from, std::size_t limit,
                                                        std::size_t bytes) {
  return read("load queued jobs", [&] { return reader_.load_queued(line, from, limit, bytes); });
}

Result<std::vector<StoredJob>> SqliteStore::load_scheduled(ScheduleKey from, std::size_t limit, std::size_t bytes) {
  return read("load scheduled jobs", [&] { return reader_.load_scheduled(from, limit, bytes); });
}

Result<std::vector<StoredJob>> SqliteStore::load_expired(WallTime now, std::size_t limit) {
  return read("load expired jobs", [&] { return reader_.load_expired(now, limit); });
}

Result<ListPage> SqliteStore::list(const ListFilter& filter) {
  return read("list jobs", [&] { return reader_.list(filter); });
}

Result<std::vector<Dropped>> SqliteStore::forget(WallTime now, std::size_t limit) {
  const auto is_any_due = guarded("forget outcomes", [&] { return writer_.is_any_due(now); });
  if (!is_any_due) return tl::make_unexpected(is_any_due.error());
  if (!*is_any_due) return std::vector<Dropped>{};
  return committed("forget outcomes", [&] {
    writer_.insert_recent();
    return writer_.forget(now, limit);
  });
}

}  // namespace zebu::broker
