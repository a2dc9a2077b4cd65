#include "broker/store/sqlite/unique_keys.h"

#include "broker/store/sqlite/rows.h"

namespace zebu::broker {

// The key is free, the job's own, or that of a job whose time with it is over.
UniqueKeys::UniqueKeys(SQLite::Database& database)
    : claim_(database,
             "INSERT INTO unique_key(key, id, until) VALUES(?1, ?2, ?3) ON CONFLICT(key) DO UPDATE SET "
             "id = ?2, until = ?3 WHERE id = ?2 OR until <= ?4"),
      owner_(database, "SELECT id FROM unique_key WHERE key = ?"),
      release_(database, "DELETE FROM unique_key WHERE key = ? AND id = ?") {}

bool UniqueKeys::claim(const JobSpec& spec, std::optional<WallTime> until, WallTime now) {
  return claim_.run(Bytes(unique_name(spec)), spec.id, until, now) != 0;
}

JobId UniqueKeys::owner(const JobSpec& spec) {
  const std::string name = unique_name(spec);  // bound as long as there are rows
  auto rows = owner_.query(Bytes(name));
  const auto id = rows.next() ? Uuid::from_bytes(rows.blob(0)) : std::nullopt;
  if (!id) throw StoreDamage("a unique key has no owner");
  return *id;
}

void UniqueKeys::release(const JobSpec& spec) {
  if (!spec.options.unique.empty()) release_.run(Bytes(unique_name(spec)), spec.id);
}

}  // namespace zebu::broker
