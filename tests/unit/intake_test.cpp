#include "broker/server/intake.h"

#include "tests/support/catch.h"

using namespace zebu;
using namespace zebu::broker;
using namespace std::chrono_literals;

namespace {

struct Desk {
  Intake intake{1000, 2000, 3s};
  TimePoint now{1h};

  // A part of this many bytes.
  Result<std::optional<std::string>> part(SessionId session, std::uint64_t number, std::uint64_t offset,
                                          std::uint64_t total, std::size_t bytes) {
    const std::string text(bytes, 'x');
    return intake.take(session, {number, offset, total, text}, now);
  }
  // The first 900 bytes of 1000. True: they were taken.
  bool begins(SessionId session, std::uint64_t number) {
    const std::size_t before = intake.used();
    const auto taken = part(session, number, 0, 1000, 900);
    REQUIRE(taken);
    REQUIRE_FALSE(*taken);
    return intake.used() > before;
  }
  bool ends(SessionId session, std::uint64_t number) {
    const auto taken = part(session, number, 900, 1000, 100);
    return taken && *taken && (*taken)->size() == 1000;
  }
  // What was said since the last call: "HOLD 1/7".
  std::vector<std::string> words() {
    std::vector<std::string> all;
    for (const auto& [session, number, may_go] : intake.take_words()) {
      all.push_back((may_go ? "GO " : "HOLD ") + std::to_string(session) + '/' + std::to_string(number));
    }
    return all;
  }
};

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("intake: messages for which there is no room are put on hold, and go in the order of their arrival") {
  Desk desk;
  CHECK(desk.begins(1, 1));
  CHECK(desk.begins(2, 1));
  CHECK_FALSE(desk.begins(3, 7));
  CHECK_FALSE(desk.begins(4, 1));
  CHECK(desk.words() == Words{"HOLD 3/7", "HOLD 4/1"});
  CHECK(desk.ends(1, 1));
  CHECK(desk.words() == Words{"GO 3/7"});  // the other one would have no room beside it
  CHECK(desk.begins(3, 8));                // anew
  CHECK(desk.words().empty());
  CHECK(desk.ends(2, 1));
  CHECK(desk.words() == Words{"GO 4/1"});
  CHECK(desk.ends(3, 8));
}

TEST_CASE("intake: a message on hold is ignored until it begins anew") {
  Desk desk;
  CHECK(desk.begins(1, 1));
  CHECK(desk.begins(1, 2));
  CHECK_FALSE(desk.begins(2, 1));
  const auto rest = desk.part(2, 1, 900, 1000, 100);
  REQUIRE(rest);
  CHECK_FALSE(*rest);
}

TEST_CASE("intake: where bytes do not fit the newest message gives way, and the oldest comes to its end") {
  Desk desk;
  // Three that began when there was little of each.
  for (SessionId session = 1; session <= 3; ++session) REQUIRE(desk.part(session, 1, 0, 1000, 1));
  for (SessionId session = 1; session <= 3; ++session) REQUIRE(desk.part(session, 1, 1, 1000, 899));
  CHECK(desk.words() == Words{"HOLD 3/1"});
  REQUIRE(desk.begins(4, 1) == false);
  CHECK(desk.ends(1, 1));
  CHECK(desk.ends(2, 1));
  CHECK(desk.intake.used() == 0);
}

TEST_CASE("intake: a session that ends gives all its room back, and its place among those that wait") {
  Desk desk;
  CHECK(desk.begins(1, 1));
  CHECK(desk.begins(1, 2));
  CHECK_FALSE(desk.begins(2, 1));
  CHECK_FALSE(desk.begins(3, 1));
  desk.intake.ended(2);
  desk.intake.ended(1);
  CHECK(desk.words() == Words{"HOLD 3/1", "GO 3/1"});
  CHECK(desk.intake.waiting() == 0);
  CHECK(desk.intake.used() == 0);
}

TEST_CASE("intake: a peer that stops in the middle gives way to one that waits, and only then") {
  Desk desk;
  CHECK(desk.begins(1, 1));
  CHECK(desk.begins(2, 1));
  desk.now += 1h;
  desk.intake.tick(desk.now);
  CHECK(desk.words().empty());
  CHECK(desk.part(2, 1, 900, 1000, 10));
  CHECK_FALSE(desk.begins(3, 1));
  CHECK(desk.words() == Words{"HOLD 3/1"});
  desk.intake.tick(desk.now);
  CHECK(desk.words() == Words{"HOLD 1/1", "GO 3/1"});
  CHECK(desk.begins(3, 2));
}

TEST_CASE("intake: one that has waited long makes newer ones give way") {
  Desk desk;
  CHECK(desk.begins(1, 1));
  CHECK(desk.begins(2, 1));
  CHECK_FALSE(desk.begins(3, 1));
  CHECK(desk.ends(1, 1));
  CHECK(desk.words() == Words{"HOLD 3/1", "GO 3/1"});
  desk.now += 2s;
  REQUIRE(desk.part(4, 1, 0, 1000, 900));  // a newer one takes the room in the meantime
  CHECK(desk.words().empty());
  CHECK(desk.begins(3, 2) == false);  // the newer one went, and as much came
  CHECK(desk.words() == Words{"HOLD 4/1"});
  CHECK(desk.intake.used() == 1800);
  CHECK(desk.ends(3, 2));
}

TEST_CASE("intake: what the broker does not take is refused once, with its sizes") {
  Desk desk;
  const auto refused = desk.part(1, 1, 0, 1001, 10);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::too_large);
  CHECK(refused.error().message.find("1001") != std::string::npos);
  CHECK(desk.part(1, 1, 10, 1001, 10));
  CHECK(desk.intake.used() == 0);
}

TEST_CASE("intake: a hundred peers with half messages stay within the room, and leave it") {
  Desk desk;
  for (SessionId session = 1; session <= 100; ++session) {
    for (std::uint64_t number = 0; number < 20; ++number) {
      const auto taken = desk.part(session, number, 0, 100 + number * 40, 90);
      if (!taken) CHECK(taken.error().code == ErrorCode::bad_message);
      CHECK(desk.intake.used() <= 2000);
      CHECK(desk.intake.waiting() <= 100 * Assembler::kMost);
    }
  }
  desk.now += 4s;
  desk.intake.tick(desk.now);
  CHECK(desk.begins(101, 1));
  for (SessionId session = 1; session <= 101; ++session) desk.intake.ended(session);
  CHECK(desk.intake.used() == 0);
  CHECK(desk.intake.waiting() == 0);
}
