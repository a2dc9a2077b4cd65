#include "webfront/api/idempotency.h"

#include "webfront/uuid_v7.h"

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <algorithm>

namespace zebu::webfront::api {
namespace {

constexpr std::size_t kMaxKey = 255;

using Namespace = boost::uuids::uuid;
// Zebu's own: "zebu-", version 4, and "key" or "body".
constexpr Namespace kKeys = {
    {0x7a, 0x65, 0x62, 0x75, 0x2d, 0x68, 0x47, 0x74, 0xb4, 0x70, 0x2d, 0x6b, 0x65, 0x79, 0x76, 0x31}};
constexpr Namespace kBodies = {
    {0x7a, 0x65, 0x62, 0x75, 0x2d, 0x68, 0x47, 0x74, 0xb4, 0x70, 0x2d, 0x62, 0x6f, 0x64, 0x79, 0x31}};

boost::uuids::uuid hashed(const Namespace& of, std::string_view text) {
  boost::uuids::name_generator_sha1 name(of);
  return name(text.data(), text.size());
}

bool is_printable(char c) { return c >= ' ' && c <= '~'; }

tl::unexpected<Error> bad_key() {
  return fail(ErrorCode::bad_value,
              "Idempotency-Key must be one string of 1 to 255 printable characters, in quotes if it has spaces, commas "
              "or quotes");
}

}  // namespace

Result<std::string> parse_key(std::string_view field) {
  std::string key;
  if (field.size() >= 2 && field.front() == '"' && field.back() == '"') {
    field = field.substr(1, field.size() - 2);
    for (std::size_t i = 0; i < field.size(); ++i) {
      if (field[i] == '"') return bad_key();
      // RFC 9651, 3.3.3: only a quote and a backslash are escaped.
      if (field[i] == '\\' && (++i == field.size() || (field[i] != '"' && field[i] != '\\'))) return bad_key();
      key += field[i];
    }
  } else {
    if (field.find_first_of(" ,\"") != std::string_view::npos) return bad_key();
    key = field;
  }
  if (key.empty() || key.size() > kMaxKey || !std::all_of(key.begin(), key.end(), is_printable)) return bad_key();
  return key;
}

JobId id_of_key(std::string_view key) {
  if (const auto id = Uuid::parse(key); id && is_uuid_v7(*id)) return *id;
  const auto name = hashed(kKeys, key);
  Uuid id;
  std::copy(name.begin(), name.end(), id.bytes.begin());
  id.set_shard(0);
  return id;
}

std::string body_mark(std::string_view body) { return boost::uuids::to_string(hashed(kBodies, body)); }

}  // namespace zebu::webfront::api
