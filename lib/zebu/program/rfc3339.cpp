#include "zebu/program/rfc3339.h"

#include <algorithm>
#include <optional>
#include <string>

namespace zebu {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Consumes the text from the front. A method that does not match leaves the text unchanged.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : left_(text) {}

  bool take(char wanted) {
    if (left_.empty() || left_.front() != wanted) return false;
    left_.remove_prefix(1);
    return true;
  }
  bool take_one_of(std::string_view wanted) {
    return std::any_of(wanted.begin(), wanted.end(), [this](char c) { return take(c); });
  }
  // Exactly `digits` digits.
  std::optional<int> number(std::size_t digits) {
    const std::string_view text = left_.substr(0, digits);
    if (text.size() < digits || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
    left_.remove_prefix(digits);
    int value = 0;
    for (const char c : text) value = value * 10 + (c - '0');
    return value;
  }
  // The digits after the point, at least one.
  std::optional<milliseconds> fraction() {
    if (left_.empty() || !is_digit(left_.front())) return std::nullopt;
    int unit = 100;
    milliseconds value{0};
    for (; !left_.empty() && is_digit(left_.front()); left_.remove_prefix(1)) {
      value += milliseconds((left_.front() - '0') * unit);
      unit /= 10;
    }
    return value;
  }
  [[nodiscard]] bool is_at_end() const { return left_.empty(); }

 private:
  std::string_view left_;
};

tl::unexpected<Error> refuse(std::string_view text, const std::string& why) {
  return fail(ErrorCode::bad_value,
              "'" + std::string(text) + "' " + why + ": write it as 2026-01-31T12:00:00Z or 2026-01-31T13:00:00+01:00");
}

std::optional<std::chrono::year_month_day> take_date(Scanner& from) {
  const auto year = from.number(4);
  if (!year || !from.take('-')) return std::nullopt;
  const auto month = from.number(2);
  if (!month || !from.take('-')) return std::nullopt;
  const auto day = from.number(2);
  if (!day) return std::nullopt;
  return std::chrono::year_month_day(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                     std::chrono::day(static_cast<unsigned>(*day)));
}

struct ClockTime {
  int hour;
  int minute;
  int second;
  milliseconds fraction{0};
};

std::optional<ClockTime> take_time(Scanner& from) {
  const auto hour = from.number(2);
  if (!hour || !from.take(':')) return std::nullopt;
  const auto minute = from.number(2);
  if (!minute || !from.take(':')) return std::nullopt;
  const auto second = from.number(2);
  if (!second) return std::nullopt;
  ClockTime time{*hour, *minute, *second};
  if (!from.take('.')) return time;
  const auto fraction = from.fraction();
  if (!fraction) return std::nullopt;
  time.fraction = *fraction;
  return time;
}

struct Offset {
  bool is_east;
  int hour;
  int minute;
};

// Z or +HH:MM.
std::optional<Offset> take_offset(Scanner& from) {
  if (from.take_one_of("Zz")) return Offset{true, 0, 0};
  const bool is_east = from.take('+');
  if (!is_east && !from.take('-')) return std::nullopt;
  const auto hour = from.number(2);
  if (!hour || !from.take(':')) return std::nullopt;
  const auto minute = from.number(2);
  if (!minute) return std::nullopt;
  return Offset{is_east, *hour, *minute};
}

}  // namespace

Result<WallTime> parse_rfc3339(std::string_view text) {
  Scanner from(text);
  const auto date = take_date(from);
  if (!date || !from.take_one_of("Tt ")) return refuse(text, "does not begin with a date and a T");
  const auto time = take_time(from);
  if (!time) return refuse(text, "has no time HH:MM:SS after its date");
  const auto offset = take_offset(from);
  if (!offset) return refuse(text, "has no offset from UTC (Z or +HH:MM) after its time");
  if (!from.is_at_end()) return refuse(text, "has more text after its offset");
  if (!date->ok()) return refuse(text, "names a day that does not exist");
  if (time->hour > 23 || time->minute > 59) return refuse(text, "names a time that does not exist");
  if (time->second > 59) return refuse(text, "names a leap second, which is not supported");
  if (offset->hour > 23 || offset->minute > 59) return refuse(text, "names an offset that does not exist");
  const auto east = hours(offset->hour) + minutes(offset->minute);
  const WallTime local =
      std::chrono::sys_days(*date) + hours(time->hour) + minutes(time->minute) + seconds(time->second) + time->fraction;
  const WallTime moment = offset->is_east ? local - east : local + east;
  if (moment < WallTime{}) return refuse(text, "is before 1970");
  return moment;
}

}  // namespace zebu
