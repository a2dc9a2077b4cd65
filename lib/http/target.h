#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zebu::webfront {

// A request's target, taken apart: path segments and query parameters, percent-decoded once (RFC 3986, 2.1 and 3.3).
// Decoding comes after splitting, so that %2F in a segment stays part of it. Views point into the text that was parsed
// and into this object, which is therefore not copied.
class Target {
 public:
  static constexpr std::size_t kMaxSegments = 8;

  Target() = default;
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  // Takes origin-form "/a/b?c=d", absolute-form "http://host/a/b", and "*". False when it is none of them, has a % that
  // is not followed by two hex digits, or more segments than any route has.
  [[nodiscard]] bool parse(std::string_view text);

  // "/v1/jobs" is {"v1", "jobs"}, "/" is {""}.
  [[nodiscard]] std::span<const std::string_view> segments() const { return {segments_.data(), count_}; }
  [[nodiscard]] bool is_asterisk() const { return asterisk_; }
  // The first parameter of that name; a name without "=" has an empty value.
  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const;

 private:
  [[nodiscard]] bool parse_path(std::string_view path);
  [[nodiscard]] bool parse_query(std::string_view query);

  std::array<std::string_view, kMaxSegments> segments_;
  std::size_t count_ = 0;
  bool asterisk_ = false;
  std::string decoded_;  // of the segments that had a %; as large as the path from the start, so that views stay good
  std::vector<std::pair<std::string, std::string>> query_;
};

// Appends `text` with each %XX replaced by its byte; false at a % that is none.
[[nodiscard]] bool percent_decode(std::string_view text, bool plus_is_space, std::string& to);

}  // namespace zebu::webfront
