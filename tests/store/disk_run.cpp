#include "tests/store/disk_run.h"

#include <set>

namespace zebu::test {

using namespace zebu::broker;

DiskRun::DiskRun(std::uint64_t seed) : random_(seed) {
  FaultyDisk::instance().files().clear();
  FaultyDisk::instance().set_hook({});
  if (const auto opened = open(); !opened) throw std::runtime_error(opened.error().message);
  remember();
  locks_.push_back(dir_.read("zebu.db.lock"));
}

DiskRun::~DiskRun() {
  FaultyDisk::instance().set_hook({});
  store_.reset();
}

Result<void> DiskRun::open() {
  store_.reset();
  SqliteOptions options;
  options.path = path();
  options.vfs = FaultyDisk::vfs();
  options.checkpoint_pages = 30;  // so that there are many checkpoints
  auto opened = SqliteStore::open(options);
  if (!opened) return tl::make_unexpected(opened.error());
  store_ = std::move(*opened);
  auto recovered = store_->recover();
  if (!recovered) return tl::make_unexpected(recovered.error());
  recovered_ = std::move(*recovered);
  return {};
}

void DiskRun::remember() {
  const auto recovered = model_.recover();
  contents_.push_back(content_of(model_, *recovered));
}

std::optional<Error> DiskRun::commit(int count) {
  for (int i = 0; i < count; ++i) {
    if (random_.below(8) == 0) {
      (void)model_.forget(random_.now(), 1'000'000);
      remember();
      if (const auto done = store_->forget(random_.now(), 1'000'000); !done) return done.error();
    } else {
      const std::vector<Record> records = random_.next(1 + random_.below(random_.below(2) == 0 ? 2 : 20));
      random_.refused(*model_.commit(records));
      remember();
      if (const auto done = store_->commit(records); !done) return done.error();
    }
    store_->tidy();
    ++confirmed_;
    locks_.push_back(dir_.read("zebu.db.lock"));
  }
  return std::nullopt;
}

Result<std::string> DiskRun::content() {
  try {
    return content_of(*store_, *recovered_);
  } catch (const Error& error) {
    return tl::make_unexpected(error);
  }
}

// Throws an Error.
std::string DiskRun::content_of(Store& store, const Recovered& recovered) const {
  const auto value = [](auto result) {
    if (!result) throw result.error();
    return std::move(*result);
  };
  std::string text = describe(recovered);
  const auto add = [&](const std::string& what, const std::vector<StoredJob>& jobs) {
    text += "\n" + what;
    for (const std::string& line : describe(jobs)) text += "\n  " + line;
  };
  const std::set<JobId> ids(random_.ids().begin(), random_.ids().end());
  for (const auto& job : value(store.find({ids.begin(), ids.end()}))) {
    if (job) text += "\n" + describe(*job);
  }
  for (const std::string& queue : RandomRecords::queues()) {
    for (const std::string task : {"fib", "echo"}) {
      add(queue + " " + task, value(store.load_queued({queue, task, ""}, {}, 100'000, 1U << 30)));
    }
  }
  add("schedule", value(store.load_scheduled({}, 100'000, 1U << 30)));
  add("expired", value(store.load_expired(random_.now() + std::chrono::hours(1), 100'000, {})));
  add("list", value(store.list({std::nullopt, "", "", "", 4000})).jobs);
  add("failed", value(store.list({JobState::failed, "", "", "", 4000})).jobs);
  return text;
}

bool DiskRun::is_right(const std::string& content, std::size_t confirmed) const {
  return content == contents_.at(confirmed) ||
         (confirmed + 1 < contents_.size() && content == contents_[confirmed + 1]);
}

}  // namespace zebu::test
