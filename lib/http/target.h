#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zebu::http {

// A request's target as path segments and query parameters, percent-decoded once (RFC 3986, 2.1 and 3.3). It is split
// before it is decoded, so a %2F stays inside its segment. The views point into the parsed text and into this object,
// which therefore cannot be copied.
class Target {
 public:
  static constexpr std::size_t kMaxSegments = 8;

  Target() = default;
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  // Parses origin-form "/a/b?c=d", absolute-form "http://host/a/b", and "*". Returns false for anything else, and for a
  // % without two hex digits after it.
  [[nodiscard]] bool parse(std::string_view text);

  // {"v1", "jobs"} for "/v1/jobs", {""} for "/"; none for a path of more than kMaxSegments.
  [[nodiscard]] std::span<const std::string_view> segments() const {
    return {segments_.data(), count_ <= kMaxSegments ? count_ : 0};
  }
  // "host:80" of the absolute-form; empty for the others.
  [[nodiscard]] std::string_view authority() const { return authority_; }
  [[nodiscard]] bool is_asterisk() const { return asterisk_; }
  // Names and values.
  [[nodiscard]] std::span<const std::pair<std::string, std::string>> parameters() const { return query_; }
  // The first parameter of that name. A name without "=" has an empty value.
  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const;

 private:
  [[nodiscard]] bool parse_path(std::string_view path);
  [[nodiscard]] bool parse_query(std::string_view query);

  std::array<std::string_view, kMaxSegments> segments_;
  std::size_t count_ = 0;  // may be more
  std::string_view authority_;
  bool asterisk_ = false;
  std::string decoded_;  // segments that had a %; reserved once, so that views into it stay valid
  std::vector<std::pair<std::string, std::string>> query_;
};

// Appends `text` with each %XX replaced by its byte. Returns false at a % without two hex digits after it.
[[nodiscard]] bool percent_decode(std::string_view text, bool plus_is_space, std::string& to);

}  // namespace zebu::http
