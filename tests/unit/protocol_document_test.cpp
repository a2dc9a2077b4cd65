#include "broker/server/commands.h"
#include "broker/server/permissions.h"
#include "broker/server/queries.h"
#include "tests/support/catch.h"
#include "tests/support/document.h"
#include "tests/support/samples.h"
#include "zebu/error.h"

#include <map>

using namespace zebu;
using zebu::test::table_rows;

namespace {

constexpr const char* kDocument = "docs/protocol.md";

// The params that a cell names.
broker::ParamSet params_in(const std::string& cell) {
  const auto has = [&](const char* name) { return cell.find(name) != std::string::npos; };
  message::Params params;
  if (has("ids")) params.ids = {Uuid::make()};
  if (has("queue")) params.queue = "q";
  if (has("task")) params.task = "t";
  if (has("state")) params.state = JobState::queued;
  if (has("reason")) params.reason = "r";
  if (has("consumer")) params.consumer = "c";
  if (has("after")) params.after = "a";
  if (has("limit")) params.limit = 1;
  return broker::ParamSet(params);
}

// The document's table of requests is that of the code, and each has a right that it needs.
void check_requests(const std::string& kind, const std::vector<broker::Request>& table, broker::Right right) {
  const auto rows = table_rows(kDocument, kind);
  REQUIRE(rows.size() == table.size() + 1);
  for (std::size_t i = 0; i < table.size(); ++i) {
    INFO(kind << ' ' << table[i].name);
    CHECK(rows[i + 1][0] == table[i].name);
    CHECK(params_in(rows[i + 1][1]) == table[i].takes);
    CHECK_FALSE(table[i].needs.first_missing_in(table[i].takes));
    CHECK(table[i].right == right);
  }
}

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

TEST_CASE("the document's queries are the code's, and reading is the right that they need") {
  check_requests("query", broker::Queries::table(), broker::Right::read);
}

TEST_CASE("the document's commands are the code's, and operating is the right that they need") {
  check_requests("command", broker::Commands::table(), broker::Right::operate);
}

TEST_CASE("a message that its sender may not send is refused in words that say what to do") {
  using message::Type;
  CHECK(broker::forbidden_text(Type::submit, std::nullopt) == "SUBMIT needs a session: say HELLO first");
  CHECK(broker::forbidden_text(Type::submit, message::Role::consumer) == "a consumer may not send SUBMIT");
  CHECK(broker::forbidden_text(Type::credit, message::Role::client) == "a client may not send CREDIT");
  CHECK(broker::forbidden_text(Type::done, message::Role::client) == "only the broker sends DONE");
  CHECK(broker::forbidden_text(Type::done, std::nullopt) == "only the broker sends DONE");
}
