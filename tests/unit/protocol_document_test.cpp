#include "broker/server/permissions.h"
#include "tests/support/catch.h"
#include "tests/support/document.h"
#include "tests/support/samples.h"
#include "zebu/error.h"

#include <map>

using namespace zebu;
using zebu::test::table_rows;

namespace {

constexpr const char* kDocument = "docs/protocol.md";

}  // namespace

TEST_CASE("the document's types are the code's") {
  std::map<std::string, message::Type> types;
  for (const message::Message& sample : test::sample_messages()) {
    types.emplace(message::name_of(message::type_of(sample)), message::type_of(sample));
  }
  const auto rows = table_rows(kDocument, "type");
  REQUIRE(rows.size() == types.size() + 1);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    INFO(rows[i][1]);
    REQUIRE(types.count(rows[i][1]) == 1);
    CHECK(rows[i][0] == std::to_string(static_cast<int>(types[rows[i][1]])));
    CHECK(rows[i][3].rfind("[" + rows[i][0], 0) == 0);
  }
}

TEST_CASE("the document's codes are the code's") {
  const auto rows = table_rows(kDocument, "code");
  std::size_t known = 0;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    INFO(rows[i][0]);
    CHECK(error_code_from(rows[i][0]));
    ++known;
  }
  CHECK(known == static_cast<std::size_t>(ErrorCode::system) + 1);
}

TEST_CASE("the document's table of command, role and state is the code's") {
  std::map<std::string, message::Type> types;
  for (const message::Message& sample : test::sample_messages()) {
    types.emplace(message::name_of(message::type_of(sample)), message::type_of(sample));
  }
  const auto rows = table_rows(kDocument, "message");
  REQUIRE(rows.size() == types.size() + 1);
  const std::optional<message::Role> roles[] = {std::nullopt, message::Role::client, message::Role::consumer};
  for (std::size_t i = 1; i < rows.size(); ++i) {
    REQUIRE(types.count(rows[i][0]) == 1);
    for (std::size_t column = 0; column < 3; ++column) {
      INFO(rows[i][0] << " from " << rows[0][column + 1]);
      const auto forbidden = broker::why_forbidden(types[rows[i][0]], roles[column]);
      CHECK(rows[i][column + 1] == (forbidden ? std::string(to_string(*forbidden)) : "ok"));
    }
  }
}
