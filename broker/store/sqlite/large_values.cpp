#include "broker/store/sqlite/large_values.h"

#include <algorithm>

namespace zebu::broker {
namespace {

// A piece's key is its value's number and its place in it: the pieces of a value are neighbours.
constexpr unsigned kPartBits = 24;  // also in named_bytes_
// Of a value that came whole with its record.
constexpr std::size_t kPiece = 1U << 20;

std::uint64_t first_key(std::uint64_t number) { return number << kPartBits; }
std::uint64_t last_key(std::uint64_t number) { return first_key(number + 1) - 1; }

StoreDamage not_whole(const LargeValue& value, std::uint64_t there) {
  return StoreDamage("large value " + std::to_string(value.number) + " has " + std::to_string(there) + " of its " +
                     std::to_string(value.size) + " bytes");
}

}  // namespace

LargeValues::LargeValues(SQLite::Database& database)
    : newest_(database, "SELECT (SELECT max(key) FROM piece), (SELECT max(number) FROM loose_value)"),
      insert_piece_(database, "INSERT INTO piece(key, bytes) VALUES(?, ?)"),
      first_piece_(database, "SELECT key FROM piece WHERE key BETWEEN ? AND ? LIMIT 1"),
      delete_piece_(database, "DELETE FROM piece WHERE key = ?"),
      select_pieces_(database, "SELECT bytes FROM piece WHERE key BETWEEN ? AND ? ORDER BY key"),
      measure_(database, "SELECT coalesce(sum(length(bytes)), 0) FROM piece WHERE key BETWEEN ? AND ?"),
      select_loose_(database, "SELECT number FROM loose_value"),
      insert_loose_(database, "INSERT INTO loose_value(number) VALUES(?)"),
      delete_loose_(database, "DELETE FROM loose_value WHERE number = ?"),
      named_bytes_(database,
                   "SELECT coalesce(sum(length(bytes)), 0) FROM piece "
                   "WHERE key >> 24 NOT IN (SELECT number FROM loose_value)") {}

void LargeValues::load() {
  {
    auto newest = newest_.query();
    if (newest.next()) next_number_ = std::max(newest.number(0) >> kPartBits, newest.number(1)) + 1;
  }
  auto loose = select_loose_.query();
  while (loose.next()) to_remove_.push_back(loose.number(0));
}

// ── within a commit ─────────────────────────────────────────────────────────────────────────────────────────────────

void LargeValues::append(Gathering& to, Bytes bytes) {
  insert_piece_.run(first_key(to.value.number) + to.parts++, bytes);
  to.value.size += bytes.size();
}

void LargeValues::add(const ValuePiece& piece) {
  auto found = gathering_.find(piece.name);
  if (found == gathering_.end()) {
    found = gathering_.emplace(piece.name, Gathering{{next_number_++, 0}, 0}).first;
    insert_loose_.run(found->second.value.number);
  }
  append(found->second, piece.bytes);
}

void LargeValues::close(const ValueName& name) {
  const auto found = gathering_.find(name);
  if (found == gathering_.end()) return;
  to_remove_.push_back(found->second.value.number);
  gathering_.erase(found);
}

LargeValue LargeValues::place_for(const ValueName& name, std::size_t bytes) {
  const auto found = gathering_.find(name);
  if (found != gathering_.end() && found->second.value.size == bytes) return found->second.value;
  return {next_number_++, bytes};
}

void LargeValues::take(const ValueName& name, const LargeValue& value, Bytes bytes) {
  const auto found = gathering_.find(name);
  if (found != gathering_.end() && found->second.value.number == value.number) {
    delete_loose_.run(value.number);
    gathering_.erase(found);
    return;
  }
  Gathering whole{{value.number, 0}, 0};
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kPiece))) append(whole, bytes.substr(0, kPiece));
}

void LargeValues::drop(const LargeValue& value) {
  insert_loose_.run(value.number);
  to_remove_.push_back(value.number);
}

bool LargeValues::remove_some() {
  if (to_remove_.empty()) return false;
  const std::uint64_t number = to_remove_.front();
  std::optional<std::uint64_t> key;
  {
    auto rows = first_piece_.query(first_key(number), last_key(number));
    if (rows.next()) key = rows.number(0);
  }
  if (key) {
    delete_piece_.run(*key);
  } else {
    delete_loose_.run(number);
    to_remove_.pop_front();
  }
  return true;
}

// ── reads ───────────────────────────────────────────────────────────────────────────────────────────────────────────

std::string LargeValues::read(const LargeValue& value) {
  std::string bytes;
  bytes.reserve(value.size);
  auto rows = select_pieces_.query(first_key(value.number), last_key(value.number));
  while (rows.next() && bytes.size() <= value.size) bytes += rows.blob(0);
  if (bytes.size() != value.size) throw not_whole(value, bytes.size());
  return bytes;
}

void LargeValues::check(const LargeValue& value) {
  auto rows = measure_.query(first_key(value.number), last_key(value.number));
  const std::uint64_t there = rows.next() ? rows.number(0) : 0;
  if (there != value.size) throw not_whole(value, there);
}

std::uint64_t LargeValues::named_bytes() {
  auto rows = named_bytes_.query();
  return rows.next() ? rows.number(0) : 0;
}

}  // namespace zebu::broker
