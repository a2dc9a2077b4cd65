#include "tests/support/catch.h"
#include "webfront/tokens.h"

#include <sstream>

using namespace zebu;
using namespace zebu::webfront;
using namespace std::chrono_literals;

namespace {

Result<Tokens> read(const std::string& text) {
  std::istringstream input(text);
  return Tokens::read(input, "tokens.toml");
}

const std::string kHash(64, 'a');

std::string why_not(const std::string& text) {
  const auto tokens = read(text);
  return tokens ? std::string() : tokens.error().message;
}

}  // namespace

TEST_CASE("a token is found by itself alone, and the file does not have it") {
  const std::string token = make_token();
  CHECK(token.size() == 48);
  CHECK(token.starts_with("zebu_"));
  CHECK(make_token() != token);
  const WallTime end(1'800'000'000'000ms);
  const std::string file = table_of({"night job", {Right::submit, Right::operate}, end}, token) + "\n" +
                           table_of({"b", {Right::read}, std::nullopt}, make_token());
  CHECK(file.find(token) == std::string::npos);
  CHECK(file.find(token.substr(5)) == std::string::npos);
  const auto tokens = read(file);
  REQUIRE(tokens);
  CHECK(tokens->size() == 2);
  CHECK(tokens->has("night job"));
  CHECK_FALSE(tokens->has("night"));
  const Principal* const found = tokens->find(token);
  REQUIRE(found != nullptr);
  CHECK(found->name == "night job");
  CHECK(found->rights.has(Right::submit));
  CHECK(found->rights.has(Right::operate));
  CHECK(found->rights.has(Right::open));
  CHECK_FALSE(found->rights.has(Right::read));
  CHECK(found->expires == end);
  for (const std::string& other : {std::string(), token.substr(1), token + "a", kHash}) {
    CHECK(tokens->find(other) == nullptr);
  }
}

TEST_CASE("a mistake in a file of tokens is named, with its place and what would be right") {
  const std::string good = "[a]\nsha256 = \"" + kHash + "\"\nrights = [\"read\"]\n";
  CHECK(why_not(good).empty());
  CHECK(why_not("").empty());
  CHECK(why_not("[a]\nsha256 = \"" + kHash + "\"\n") == "tokens.toml: token [a] has no rights");
  CHECK(why_not("[a]\nrights = [\"read\"]\n") == "tokens.toml: token [a] has no sha256");
  CHECK(why_not(good + "[b]\nsha256 = \"" + kHash + "\"\nrights = [\"read\"]\n") ==
        "tokens.toml: token [b] has the sha256 of another one");
  CHECK(why_not("[a]\nsha256 = \"abc\"\n") ==
        "tokens.toml:2:10: sha256 must be 64 hexadecimal digits, as zebu-webfront token writes them");
  CHECK(why_not("[a]\nrights = [\"raed\"]\n") ==
        "tokens.toml:2:10: rights 'raed' is no right: there are read, submit and operate");
  CHECK(why_not("[a]\nrights = \"read\"\n") == "tokens.toml:2:10: rights must be a list, as in [\"submit\", \"read\"]");
  CHECK(why_not("[a]\nrights = []\n") == "tokens.toml:2:10: rights must name at least one of read, submit and operate");
  CHECK(why_not("[a]\nright = 1\n") == "tokens.toml:2:9: right is unknown: a token has sha256, rights and expires");
  CHECK(why_not("[a]\nexpires = \"soon\"\n").starts_with("tokens.toml:2:11: expires "));
  CHECK(why_not("sha256 = 1\n") == "tokens.toml:1:10: 'sha256' stands in no table [NAME] of a token");
  CHECK(why_not("[a\n").starts_with("tokens.toml:1:"));
}
