#include "broker/records/list_place.h"

#include <charconv>

namespace zebu::broker {
namespace {

// As much as clocks and ways to the broker differ.
constexpr std::chrono::minutes kAlike{1};

bool has_time(const JobId& id) { return id.bytes[6] >> 4U == 7; }

template <class Number>
bool read(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::optional<WallTime> listed_at(const JobId& id, WallTime accepted) {
  if (has_time(id) && std::chrono::abs(accepted - WallTime(id.unix_time())) <= kAlike) return std::nullopt;
  return accepted;
}

std::string ListPlace::behind(WallTime at, std::uint64_t sequence) {
  return std::to_string(at.time_since_epoch().count()) + "/" + std::to_string(sequence);
}

std::optional<ListPlace> ListPlace::parse(const std::string& text) {
  ListPlace place;
  if (text.empty()) return place;
  if (const auto id = Uuid::parse(text)) {
    place.id = id;
    place.at = WallTime(id->unix_time());
    return place;
  }
  const std::size_t slash = text.find('/');
  std::int64_t ms = 0;
  if (slash == std::string::npos || !read(std::string_view(text).substr(0, slash), ms)) return std::nullopt;
  if (!read(std::string_view(text).substr(slash + 1), place.sequence) || ms < 0) return std::nullopt;
  place.at = WallTime(std::chrono::milliseconds(ms));
  // Those of that millisecond came before it.
  Uuid id;
  for (std::size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
  place.id = id;
  return place;
}

}  // namespace zebu::broker
