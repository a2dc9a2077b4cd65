#include "zebu/program/msgpack_parts.h"

#include "zebu/convert.h"

#include <algorithm>

namespace zebu {
namespace {

// What stands before a container's elements.
struct Head {
  std::size_t size;  // of itself, in bytes
  std::size_t count;
};

// few: the first byte of a container of 0 elements, whose low half counts up to 15. many: the one that two bytes of
// count follow; after the next one there are four.
std::optional<Head> head_of(Bytes value, std::uint8_t few, std::uint8_t many) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(value[i]); };
  if (value.empty()) return std::nullopt;
  if ((byte(0) & 0xf0U) == few) return Head{1, byte(0) & 0x0fU};
  const std::size_t width = byte(0) == many ? 2 : byte(0) == many + 1 ? 4 : 0;
  if (width == 0 || value.size() <= width) return std::nullopt;
  Head head{1 + width, 0};
  for (std::size_t i = 1; i <= width; ++i) head.count = head.count << 8 | byte(i);
  return head;
}

std::optional<Head> map_head(Bytes value) { return head_of(value, 0x80, 0xde); }
std::optional<Head> list_head(Bytes value) { return head_of(value, 0x90, 0xdc); }

// Takes one whole value from the beginning of `rest`.
std::optional<Bytes> take_value(Bytes& rest) {
  msgpack::null_visitor nothing;
  std::size_t end = 0;
  if (!msgpack::parse(rest.data(), rest.size(), end, nothing)) return std::nullopt;
  const Bytes value = rest.substr(0, end);
  rest.remove_prefix(end);
  return value;
}

// Remembers a value that is no container.
struct Scalar : msgpack::null_visitor {
  std::optional<std::string_view> text;
  std::optional<Bytes> binary;
  std::optional<std::uint64_t> number;

  bool visit_str(const char* at, std::uint32_t size) {
    text = std::string_view(at, size);
    return true;
  }
  bool visit_bin(const char* at, std::uint32_t size) {
    binary = Bytes(at, size);
    return true;
  }
  bool visit_positive_integer(std::uint64_t value) {
    number = value;
    return true;
  }
  bool start_array(std::uint32_t) { return false; }
  bool start_map(std::uint32_t) { return false; }
};

Scalar scalar_in(Bytes value) {
  Scalar scalar;
  std::size_t end = 0;
  const bool is_one = msgpack::parse(value.data(), value.size(), end, scalar) && end == value.size();
  return is_one ? scalar : Scalar();
}

}  // namespace

std::optional<MapEntries> map_entries(Bytes value) {
  const auto head = map_head(value);
  if (!head) return std::nullopt;
  Bytes rest = value.substr(head->size);
  MapEntries entries;
  for (std::size_t i = 0; i < head->count; ++i) {
    const auto key = take_value(rest);
    const auto name = key ? text_in(*key) : std::nullopt;
    const auto entry = name ? take_value(rest) : std::nullopt;
    if (!entry) return std::nullopt;
    entries.emplace_back(*name, *entry);
  }
  return rest.empty() ? std::optional(std::move(entries)) : std::nullopt;
}

std::optional<std::vector<Bytes>> list_elements(Bytes value) {
  const auto head = list_head(value);
  if (!head) return std::nullopt;
  Bytes rest = value.substr(head->size);
  std::vector<Bytes> elements;
  for (std::size_t i = 0; i < head->count; ++i) {
    const auto element = take_value(rest);
    if (!element) return std::nullopt;
    elements.push_back(*element);
  }
  return rest.empty() ? std::optional(std::move(elements)) : std::nullopt;
}

Bytes value_at(const MapEntries& entries, std::string_view key) {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.first == key; });
  return found == entries.end() ? Bytes() : found->second;
}

bool is_map(Bytes value) { return map_head(value).has_value(); }
bool is_list(Bytes value) { return list_head(value).has_value(); }

std::optional<std::string_view> text_in(Bytes value) { return scalar_in(value).text; }
std::optional<Bytes> binary_in(Bytes value) { return scalar_in(value).binary; }
std::optional<std::uint64_t> number_in(Bytes value) { return scalar_in(value).number; }

}  // namespace zebu
