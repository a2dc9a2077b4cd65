#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace zebu::webfront {

// What a user of a route must be allowed to do. open: nothing. They are the rights of the broker's requests.
enum class Right : std::uint8_t { open, read, submit, operate };
[[nodiscard]] std::string_view to_string(Right right);
// Of the rights that a token can have.
[[nodiscard]] std::optional<Right> parse_right(std::string_view name);

class Rights {
 public:
  Rights() = default;
  Rights(std::initializer_list<Right> rights) {
    for (const Right right : rights) add(right);
  }
  void add(Right right) { bits_ |= bit(right); }
  [[nodiscard]] bool has(Right right) const { return right == Right::open || (bits_ & bit(right)) != 0; }
  [[nodiscard]] bool is_empty() const { return bits_ == 0; }

 private:
  static std::uint8_t bit(Right right) { return static_cast<std::uint8_t>(1U << static_cast<unsigned>(right)); }

  std::uint8_t bits_ = 0;
};

}  // namespace zebu::webfront
