#include "broker/store/sqlite/failed_rows.h"

#include "broker/store/sqlite/rows.h"

namespace zebu::broker {

FailedRows::FailedRows(SQLite::Database& database, SqliteQueues& queues)
    : queues_(queues),
      insert_(database, "INSERT INTO failed(id) VALUES(?)"),
      insert_by_age_(database, "INSERT INTO failed_by_age(queue, finished, id) VALUES(?, ?, ?)"),
      delete_(database, "DELETE FROM failed WHERE id = ?"),
      delete_by_age_(database, "DELETE FROM failed_by_age WHERE queue = ? AND finished = ? AND id = ?"),
      oldest_(database, "SELECT id FROM failed_by_age WHERE queue = ? ORDER BY finished, id LIMIT ?") {}

void FailedRows::add(const JobId& id, const std::string& queue, WallTime finished) {
  insert_.run(id);
  insert_by_age_.run(queues_.number_of(queue), finished, id);
}

void FailedRows::erase(const JobId& id, const std::string& queue, WallTime finished) {
  delete_.run(id);
  delete_by_age_.run(queues_.number_of(queue), finished, id);
}

std::vector<JobId> FailedRows::oldest(const std::string& queue, std::size_t limit) {
  std::vector<JobId> ids;
  auto rows = oldest_.query(queues_.number_of(queue), limit);
  while (rows.next()) {
    const auto id = Uuid::from_bytes(rows.blob(0));
    if (!id) throw StoreDamage("a failed job has no id");
    ids.push_back(*id);
  }
  return ids;
}

}  // namespace zebu::broker
