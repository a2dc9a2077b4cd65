#pragma once

#include "webfront/rights.h"
#include "zebu/error.h"
#include "zebu/job.h"

#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

// Bearer tokens (RFC 6750) and the file that says what each may do. The file has no token, only SHA-256 of each: who
// reads it can do nothing with it. A token has 256 random bits, so a plain hash is enough.
namespace zebu::webfront {

// Whom a token stands for.
struct Principal {
  std::string name;
  Rights rights;
  std::optional<WallTime> expires;
};

class Tokens {
 public:
  // A file of TOML: a table for each token, by the name of whom it is for.
  //
  //   [reports]
  //   sha256 = "64 hexadecimal digits"
  //   rights = ["submit", "read"]
  //   expires = "2027-01-31T12:00:00Z"       # may be left out
  //
  // file: begins the error's text. Fails with bad_value.
  [[nodiscard]] static Result<Tokens> read(std::istream& input, const std::string& file);
  [[nodiscard]] static Result<Tokens> load(const std::string& file);

  // nullptr: there is no such token. It may have expired.
  [[nodiscard]] const Principal* find(std::string_view token) const;
  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] std::size_t size() const { return by_hash_.size(); }

 private:
  std::unordered_map<std::string, Principal> by_hash_;  // SHA-256, 32 bytes
};

// "zebu_" and 43 characters of base64url: 256 bits of the system's random numbers.
[[nodiscard]] std::string make_token();
// A principal's table as it stands in a file of tokens.
[[nodiscard]] std::string table_of(const Principal& principal, std::string_view token);

}  // namespace zebu::webfront
