#include "webfront/tokens.h"

#include "zebu/program/config_file.h"
#include "zebu/program/rfc3339.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <sodium.h>
#include <system_error>

namespace zebu::webfront {
namespace {

constexpr std::size_t kHash = crypto_hash_sha256_BYTES;
constexpr std::string_view kPrefix = "zebu_";

std::string hash_of(std::string_view token) {
  std::string hash(kHash, '\0');
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(hash.data()),
                     reinterpret_cast<const unsigned char*>(token.data()), token.size());
  return hash;
}

std::string hex_of(const std::string& bytes) {
  std::string hex(2 * bytes.size() + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  hex.pop_back();
  return hex;
}

std::optional<std::string> bytes_of(const std::string& hex) {
  std::string bytes(kHash, '\0');
  std::size_t size = 0;
  const int failed = sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), hex.data(),
                                    hex.size(), nullptr, &size, nullptr);
  if (failed != 0 || size != kHash || hex.size() != 2 * kHash) return std::nullopt;
  return bytes;
}

std::string utc_text(WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text.data(), size};
}

// A table while it is read.
struct Table {
  Principal principal;
  std::string hash;
};

// Returns why the value is bad; empty if it is not.
std::string set(Table& table, const std::string& key, const cli::ConfigValue& value) {
  using Type = cli::ConfigValue::Type;
  if (key == "sha256") {
    const auto hash = value.type == Type::string ? bytes_of(value.text) : std::nullopt;
    if (!hash) return "must be 64 hexadecimal digits, as zebu-webfront token writes them";
    table.hash = *hash;
  } else if (key == "rights") {
    if (value.type != Type::list) return "must be a list, as in [\"submit\", \"read\"]";
    for (const cli::ConfigValue& item : value.items) {
      const auto right = parse_right(item.text);
      if (!right) return "'" + item.text + "' is no right: there are read, submit and operate";
      table.principal.rights.add(*right);
    }
    if (table.principal.rights.is_empty()) return "must name at least one of read, submit and operate";
  } else if (key == "expires") {
    if (value.type != Type::string) return "must be a time in quotes, as in \"2027-01-31T12:00:00Z\"";
    const auto time = parse_rfc3339(value.text);
    if (!time) return time.error().message;
    table.principal.expires = *time;
  } else {
    return "is unknown: a token has sha256, rights and expires";
  }
  return {};
}

}  // namespace

Result<Tokens> Tokens::read(std::istream& input, const std::string& file) {
  const auto entries = cli::read_toml(input, file);
  if (!entries) return tl::make_unexpected(entries.error());
  std::map<std::string, Table> tables;
  for (const cli::ConfigEntry& entry : *entries) {
    const auto bad = [&](const std::string& why) {
      return fail(ErrorCode::bad_value, file + ":" + std::to_string(entry.value.line) + ":" +
                                            std::to_string(entry.value.column) + ": " + why);
    };
    if (entry.key.size() != 2) return bad("'" + entry.key.front() + "' stands in no table [NAME] of a token");
    Table& table = tables[entry.key.front()];
    table.principal.name = entry.key.front();
    if (const std::string why = set(table, entry.key.back(), entry.value); !why.empty())
      return bad(entry.key.back() + " " + why);
  }
  Tokens tokens;
  for (auto& [name, table] : tables) {
    const auto bad = [&, &name = name](const std::string& why) {
      return fail(ErrorCode::bad_value, file + ": token [" + name + "] " + why);
    };
    if (table.hash.empty()) return bad("has no sha256");
    if (table.principal.rights.is_empty()) return bad("has no rights");
    if (!tokens.by_hash_.emplace(table.hash, std::move(table.principal)).second)
      return bad("has the sha256 of another one");
  }
  return tokens;
}

Result<Tokens> Tokens::load(const std::string& file) {
  std::ifstream input(file);
  if (!input) {
    return fail(ErrorCode::bad_value,
                "cannot read the tokens in " + file + ": " + std::generic_category().message(errno));
  }
  return read(input, file);
}

const Principal* Tokens::find(std::string_view token) const {
  const auto found = by_hash_.find(hash_of(token));
  return found == by_hash_.end() ? nullptr : &found->second;
}

bool Tokens::has(std::string_view name) const {
  for (const auto& [hash, principal] : by_hash_) {
    if (principal.name == name) return true;
  }
  return false;
}

std::string make_token() {
  if (sodium_init() < 0) std::abort();
  std::array<unsigned char, 32> secret{};
  randombytes_buf(secret.data(), secret.size());
  std::array<char, sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_URLSAFE_NO_PADDING)> text{};
  sodium_bin2base64(text.data(), text.size(), secret.data(), secret.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  sodium_memzero(secret.data(), secret.size());
  return std::string(kPrefix) + text.data();
}

std::string table_of(const Principal& principal, std::string_view token) {
  std::string table =
      "[" + cli::toml_string(principal.name) + "]\nsha256 = \"" + hex_of(hash_of(token)) + "\"\nrights = [";
  const char* between = "";
  for (const Right right : {Right::read, Right::submit, Right::operate}) {
    if (!principal.rights.has(right)) continue;
    table.append(between).append("\"").append(to_string(right)).append("\"");
    between = ", ";
  }
  table += "]\n";
  if (principal.expires) table += "expires = \"" + utc_text(*principal.expires) + "\"\n";
  return table;
}

}  // namespace zebu::webfront
