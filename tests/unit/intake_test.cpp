#include "broker/server/intake.h"

#include "tests/support/catch.h"

namespace zebu::broker {

using namespace std::chrono_literals;

namespace {

struct IntakeDesk {
  Intake intake{1000, 2000, 100, 1s};
  TimePoint now{1h};

  // A part of this many bytes.
  Result<std::optional<std::string>> part(SessionId session, std::uint64_t number, std::uint64_t offset,
                                          std::uint64_t total, std::size_t bytes) {
    const std::string text(bytes, 'x');
    return intake.take(session, {number, offset, total, text}, now);
  }
  // The first 900 bytes of 1000. True: there was room for them.
  bool begins(SessionId session, std::uint64_t number) {
    const std::size_t before = intake.reserved();
    const auto taken = part(session, number, 0, 1000, 900);
    REQUIRE(taken);
    REQUIRE_FALSE(*taken);
    return intake.reserved() > before;
  }
  // Likewise of one that was told to GO: its room is reserved.
  bool comes(SessionId session, std::uint64_t number) {
    const std::size_t before = intake.waiting();
    REQUIRE(part(session, number, 0, 1000, 900));
    return intake.waiting() == before;
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
  IntakeDesk desk;
  CHECK(desk.begins(1, 1));
  CHECK(desk.begins(2, 1));
  CHECK_FALSE(desk.begins(3, 7));
  CHECK_FALSE(desk.begins(4, 1));
  CHECK(desk.words() == Words{"HOLD 3/7", "HOLD 4/1"});
  CHECK(desk.ends(1, 1));
  CHECK(desk.words() == Words{"GO 3/7"});  // the other one would have no room beside it
  CHECK_FALSE(desk.begins(5, 1));          // a newer one does not pass those that wait
  CHECK(desk.words() == Words{"HOLD 5/1"});
  CHECK(desk.comes(3, 8));  // anew
  CHECK(desk.words().empty());
  CHECK(desk.ends(2, 1));
  CHECK(desk.words() == Words{"GO 4/1"});
  CHECK(desk.ends(3, 8));
  CHECK(desk.words() == Words{"GO 5/1"});
}

TEST_CASE("intake: a message that has begun is not interrupted for others") {
  IntakeDesk desk;
  REQUIRE(desk.begins(1, 1));
  REQUIRE(desk.begins(2, 1));
  for (SessionId session = 3; session < 100; ++session) CHECK_FALSE(desk.begins(session, 1));
  CHECK(desk.intake.reserved() == 2000);
  CHECK(desk.ends(2, 1));
  CHECK(desk.ends(1, 1));
}

TEST_CASE("intake: a message on hold is ignored until it begins anew") {
  IntakeDesk desk;
  CHECK(desk.begins(1, 1));
  CHECK(desk.begins(2, 2));
  CHECK_FALSE(desk.begins(3, 1));
  const auto rest = desk.part(3, 1, 900, 1000, 100);
  REQUIRE(rest);
  CHECK_FALSE(*rest);
}

TEST_CASE("intake: a session with many messages leaves room for others") {
  IntakeDesk desk;
  CHECK(desk.begins(1, 1));
  CHECK_FALSE(desk.begins(1, 2));  // more than its share beside the first
  CHECK(desk.begins(2, 1));
  CHECK(desk.words() == Words{"HOLD 1/2"});
  REQUIRE(desk.part(3, 1, 0, 200, 100));
  CHECK(desk.words() == Words{"HOLD 3/1"});
  CHECK(desk.ends(1, 1));
  CHECK(desk.words() == Words{"GO 1/2"});  // it came first
  CHECK(desk.comes(1, 3));
  CHECK(desk.ends(2, 1));
  CHECK(desk.words() == Words{"GO 3/1"});
}

TEST_CASE("intake: a session that ends gives all its room back, and its place among those that wait") {
  IntakeDesk desk;
  CHECK(desk.begins(1, 1));
  CHECK(desk.begins(2, 1));
  CHECK_FALSE(desk.begins(2, 2));
  CHECK_FALSE(desk.begins(3, 1));
  CHECK_FALSE(desk.begins(4, 1));
  desk.intake.ended(3);
  desk.intake.ended(2);
  CHECK(desk.words() == Words{"HOLD 4/1", "GO 4/1"});
  desk.intake.ended(1);
  desk.intake.ended(4);
  CHECK(desk.intake.waiting() == 0);
  CHECK(desk.intake.reserved() == 0);
}

TEST_CASE("intake: a message that does not come on gives way to one that waits, and only then") {
  IntakeDesk desk;
  CHECK(desk.begins(1, 1));
  CHECK(desk.begins(2, 1));
  desk.now += 1h;
  desk.intake.tick(desk.now);
  CHECK(desk.words().empty());
  CHECK_FALSE(desk.begins(3, 1));
  CHECK(desk.words() == Words{"HOLD 3/1"});
  desk.intake.tick(desk.now);  // both came on since they were looked at last
  CHECK(desk.words().empty());
  desk.now += 9s;
  REQUIRE(desk.part(2, 1, 900, 1000, 20));  // not enough
  desk.intake.tick(desk.now);
  CHECK(desk.words() == Words{"HOLD 1/1", "HOLD 2/1", "GO 3/1", "GO 1/1"});
  CHECK(desk.comes(3, 2));
  CHECK(desk.comes(1, 2));
  CHECK_FALSE(desk.begins(4, 1));
  CHECK(desk.ends(3, 2));
  CHECK(desk.words() == Words{"HOLD 4/1", "GO 4/1"});  // the second one, which was slack, comes last
  CHECK(desk.ends(1, 2));
  CHECK(desk.words() == Words{"GO 2/1"});
}

TEST_CASE("intake: room that was granted and is not used goes to another one") {
  IntakeDesk desk;
  CHECK(desk.begins(1, 1));
  CHECK(desk.begins(2, 1));
  CHECK_FALSE(desk.begins(3, 1));
  CHECK_FALSE(desk.begins(4, 1));
  CHECK(desk.ends(1, 1));
  CHECK(desk.words() == Words{"HOLD 3/1", "HOLD 4/1", "GO 3/1"});
  desk.now += 9s;
  REQUIRE(desk.part(2, 1, 900, 1000, 50));
  desk.intake.tick(desk.now);
  CHECK(desk.words() == Words{"GO 4/1"});
  CHECK_FALSE(desk.comes(3, 2));  // too late: it waits again
  CHECK(desk.words() == Words{"HOLD 3/2"});
}

TEST_CASE("intake: what the broker does not take is refused once, with its sizes") {
  IntakeDesk desk;
  const auto refused = desk.part(1, 1, 0, 1001, 10);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::too_large);
  CHECK(refused.error().message.find("1001") != std::string::npos);
  CHECK(desk.part(1, 1, 10, 1001, 10));
  CHECK(desk.intake.reserved() == 0);
}

TEST_CASE("intake: a hundred peers with half messages stay within the room, and leave it") {
  IntakeDesk desk;
  for (SessionId session = 1; session <= 100; ++session) {
    for (std::uint64_t number = 0; number < 20; ++number) {
      const auto taken = desk.part(session, number, 0, 100 + number * 40, 90);
      if (!taken) CHECK(taken.error().code == ErrorCode::bad_message);
      CHECK(desk.intake.reserved() <= 2000);
      CHECK(desk.intake.waiting() <= 100 * Assembler::kMost);
    }
  }
  // Whoever sends something comes before those that do not use the room that they are given.
  desk.words();
  REQUIRE_FALSE(desk.begins(101, 1));
  REQUIRE(desk.words() == Words{"HOLD 101/1"});
  Words words;
  for (int i = 0; i < 200 && std::find(words.begin(), words.end(), "GO 101/1") == words.end(); ++i) {
    desk.now += 9s;
    desk.intake.tick(desk.now);
    words = desk.words();
  }
  CHECK(desk.comes(101, 2));
  CHECK(desk.ends(101, 2));
  CHECK_FALSE(desk.begins(101, 3));
  desk.now += 9s;
  desk.intake.tick(desk.now);
  CHECK(desk.comes(101, 4));  // nobody comes before it now
  for (SessionId session = 1; session <= 101; ++session) desk.intake.ended(session);
  CHECK(desk.intake.reserved() == 0);
  CHECK(desk.intake.waiting() == 0);
}

}  // namespace zebu::broker
