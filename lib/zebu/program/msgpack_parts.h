#pragma once

#include "zebu/job.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

// The parts of a msgpack value as views of its bytes, which outlive them. Nothing is copied or kept; what is skipped
// costs as much as reading it.
namespace zebu {

using MapEntries = std::vector<std::pair<std::string_view, Bytes>>;

// nullopt unless `value` is exactly one map whose keys are strings, or one list.
[[nodiscard]] std::optional<MapEntries> map_entries(Bytes value);
[[nodiscard]] std::optional<std::vector<Bytes>> list_elements(Bytes value);

// The value of the first entry with this key; empty if there is none.
[[nodiscard]] Bytes value_at(const MapEntries& entries, std::string_view key);

// nullopt unless `value` is exactly one string, one binary, one integer from 0 on.
[[nodiscard]] std::optional<std::string_view> text_in(Bytes value);
[[nodiscard]] std::optional<Bytes> binary_in(Bytes value);
[[nodiscard]] std::optional<std::uint64_t> number_in(Bytes value);

// Of what kind a value is, by its first byte.
[[nodiscard]] bool is_map(Bytes value);
[[nodiscard]] bool is_list(Bytes value);

inline constexpr Bytes kNil = "\xc0";
inline constexpr Bytes kFalse = "\xc2";
inline constexpr Bytes kTrue = "\xc3";
inline constexpr Bytes kEmptyMap = "\x80";
inline constexpr Bytes kEmptyList = "\x90";

}  // namespace zebu
