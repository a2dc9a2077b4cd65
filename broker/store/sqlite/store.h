#pragma once

#include "broker/store/sqlite/file.h"
#include "broker/store/sqlite/writer.h"
#include "broker/store/store.h"

#include <memory>
#include <string>

namespace zebu::broker {

// Jobs in one SQLite file, with a write-ahead log that is synced before a commit returns. In memory it has
// the ids of the jobs that the engine has in memory, the names of queues and lines, and a page cache of fixed size.
class SqliteStore final : public Store {
 public:
  [[nodiscard]] static Result<std::unique_ptr<SqliteStore>> open(const SqliteOptions& options);
  ~SqliteStore() override;

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] Result<Recovered> recover() override;
  [[nodiscard]] Result<std::vector<Duplicate>> commit(const std::vector<Record>& records) override;
  void tidy() override;
  [[nodiscard]] Result<StoreState> look() override;
  [[nodiscard]] std::string trouble() const override;
  void give_up() override;
  [[nodiscard]] Result<std::vector<std::optional<StoredJob>>> find(const std::vector<JobId>& ids) override;
  [[nodiscard]] Result<std::vector<std::optional<StoredJob>>> find_to_show(const std::vector<JobId>& ids) override;
  [[nodiscard]] Result<std::vector<StoredJob>> load_queued(const LineName& line, LineKey from, std::size_t limit,
                                                           std::size_t bytes) override;
  [[nodiscard]] Result<std::vector<StoredJob>> load_scheduled(ScheduleKey from, std::size_t limit,
                                                              std::size_t bytes) override;
  [[nodiscard]] Result<std::vector<StoredJob>> load_expired(WallTime latest, std::size_t limit,
                                                            ExpiryKey from) override;
  [[nodiscard]] Result<ListPage> list(const ListFilter& filter) override;
  [[nodiscard]] Result<std::vector<Dropped>> forget(WallTime now, std::size_t limit) override;
  [[nodiscard]] Result<std::vector<Dropped>> forget_failed(const std::vector<std::string>& queues, std::uint64_t keep,
                                                           std::size_t limit) override;

 private:
  explicit SqliteStore(std::unique_ptr<SqliteFile> file);

  // Runs `work`. An exception is the end of this store.
  template <class Work>
  [[nodiscard]] auto guarded(const char* doing, Work&& work) -> Result<decltype(work())>;
  // The same in a transaction that is a commit.
  template <class Work>
  [[nodiscard]] auto committed(const char* doing, Work&& work) -> Result<decltype(work())>;
  // The same for reads of tables.
  template <class Work>
  [[nodiscard]] auto read(const char* doing, Work&& work) -> Result<decltype(work())>;

  [[nodiscard]] Result<Recovered> recover_all();
  [[nodiscard]] std::uint64_t measure(DiskRoom& room);
  [[nodiscard]] bool is_full();
  void begin();
  void remove_leftovers();
  void write_mark();

  // All that needs the open file.
  struct Tables {
    explicit Tables(SQLite::Database& database);

    Statement begin;
    Statement commit;
    ResidentJobs resident;
    SqliteQueues queues;
    SqliteLines lines;
    LargeValues large;
    SqliteReader reader;
    SqliteWriter writer;
  };

  std::unique_ptr<SqliteFile> file_;
  std::string name_;
  std::unique_ptr<Tables> tables_;
  bool has_begun_ = false;  // the transaction of the next commit, which mostly needs not wait for that
  std::optional<Error> dead_;
};

}  // namespace zebu::broker
