#pragma once

#include "broker/records/records.h"
#include "broker/store/sqlite/rows.h"
#include "broker/store/sqlite/statement.h"

#include <deque>
#include <map>
#include <optional>
#include <string>

namespace zebu::broker {

// The table `piece`: arguments, results and errors of more than kLargeValue bytes, cut into pieces. A row of `job` or
// `status` names such a value by its number (LargeValue). `loose_value` names the values that no row names: those that
// are not whole yet, and those whose job is gone. Their pieces are removed a few at a time, because a value's pages are
// all read when they are given back.
class LargeValues {
 public:
  explicit LargeValues(SQLite::Database& database);

  // For recovery: all that is loose goes, by calls of remove_some().
  void load();

  // ── within a commit
  void add(const ValuePiece& piece);
  void close(const ValueName& name);
  // What a row is to name for a value of so many bytes: the pieces that came before, else new ones.
  [[nodiscard]] LargeValue place_for(const ValueName& name, std::size_t bytes);
  // A row names `value` now, which place_for() returned: the pieces are its own, and new ones are written.
  void take(const ValueName& name, const LargeValue& value, Bytes bytes);
  // No row names it any more.
  void drop(const LargeValue& value);

  // Removes one piece of those that are to go, if there is one. False: there was none.
  bool remove_some();

  // ── reads. Throws StoreDamage if not all of the value is there.
  [[nodiscard]] std::string read(const LargeValue& value);
  // The same without reading the bytes.
  void check(const LargeValue& value);
  // The bytes of all values that rows name.
  [[nodiscard]] std::uint64_t named_bytes();

 private:
  struct Gathering {
    LargeValue value;
    std::uint64_t parts = 0;
  };

  void append(Gathering& to, Bytes bytes);

  std::map<ValueName, Gathering> gathering_;
  std::deque<std::uint64_t> to_remove_;
  std::uint64_t next_number_ = 1;
  Statement newest_;
  Statement insert_piece_;
  Statement first_piece_;
  Statement delete_piece_;
  Statement select_pieces_;
  Statement measure_;
  Statement select_loose_;
  Statement insert_loose_;
  Statement delete_loose_;
  Statement named_bytes_;
};

}  // namespace zebu::broker
