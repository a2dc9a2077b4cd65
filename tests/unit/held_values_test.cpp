#include "broker/server/held_values.h"

#include "tests/support/catch.h"
#include "tests/support/engine_driver.h"

namespace zebu::broker {

using namespace zebu::test;

namespace {

constexpr std::size_t kPiece = 512;

Options small_pieces() {
  Options options;
  options.liveness = std::chrono::seconds(3);
  options.large_value = 1000;
  options.value_piece = kPiece;
  options.held_values = 10'000;
  return options;
}

// An engine behind the values that are held back; commit() is one commit.
struct HeldDesk : EngineDriver {
  HeldValues held{engine(), small_pieces()};

  JobId submit(SessionId from, std::size_t bytes, JobId id = Uuid::make(), bool wait = false) {
    const std::string args(bytes, 'x');
    held.submit(from, {wait, {{id, "fib", "default", args, {}}}, {}}, now(), effects);
    return id;
  }
  void report(SessionId from, const JobId& id, std::size_t bytes) {
    const std::string result(bytes, 'r');
    held.outcome(from, {1, {{id, 1, JobState::succeeded, result, {}, {}}}, {}}, now(), effects);
  }
  // What leaves with it, or before.
  Effects commit() {
    held.advance(now(), effects);
    const Effects told = effects;
    settle();
    return told;
  }
  std::size_t commits_until_empty() {
    std::size_t commits = 0;
    for (; !held.empty(); ++commits) static_cast<void>(commit());
    return commits;
  }
  std::size_t piece_bytes() const {
    std::size_t bytes = 0;
    for (const Record& record : effects.records) {
      if (const auto* piece = std::get_if<ValuePiece>(&record)) bytes += piece->bytes.size();
    }
    return bytes;
  }
};

}  // namespace

TEST_CASE("a large job is accepted with its last piece, and a small one passes it") {
  HeldDesk desk;
  const SessionId client = desk.client();
  const JobId large = desk.submit(client, 4 * kPiece + 1);
  const JobId small = desk.submit(client, 10);
  CHECK(desk.held.bytes() == 4 * kPiece + 1);
  for (int i = 0; i < 4; ++i) {
    desk.held.advance(desk.now(), desk.effects);
    CHECK(desk.piece_bytes() == kPiece);
    desk.settle();
    CHECK(desk.engine().jobs().find(small) != nullptr);
    CHECK(desk.engine().jobs().find(large) == nullptr);
  }
  static_cast<void>(desk.commit());
  REQUIRE(desk.engine().jobs().find(large) != nullptr);
  CHECK(desk.engine().jobs().find(large)->spec->args.size() == 4 * kPiece + 1);
  CHECK(desk.held.bytes() == 0);
  std::vector<JobId> accepted;
  for (const auto& each : desk.take().accepted) accepted.push_back(each.id);
  CHECK(accepted == std::vector<JobId>{small, large});
}

TEST_CASE("large keyword arguments are held back like others") {
  HeldDesk desk;
  const SessionId client = desk.client();
  const JobId id = Uuid::make();
  const std::string kwargs(3 * kPiece, 'k');
  desk.held.submit(client, {false, {{id, "fib", "default", "\x90", {}, kwargs}}, {}}, desk.now(), desk.effects);
  CHECK(desk.held.bytes() == 2 * (3 * kPiece + 1));  // themselves, and joined with the others
  CHECK(desk.commits_until_empty() == 4);
  REQUIRE(desk.engine().jobs().find(id) != nullptr);
  CHECK(desk.engine().jobs().find(id)->spec->keywords() == kwargs);
  CHECK(desk.engine().jobs().find(id)->spec->args == "\x90");
}

TEST_CASE("a large error goes to the engine with its last piece, whole") {
  HeldDesk desk;
  const SessionId client = desk.client();
  const SessionId consumer = desk.consumer(1);
  const JobId id = desk.EngineDriver::submit(client);
  REQUIRE(desk.assigned_to(consumer).size() == 1);
  const std::string trace(3 * kPiece, 't');
  message::Report report{id, 1, JobState::failed, {}, {"E", "no luck", {trace}, ErrorKind::permanent}, {}};
  desk.held.outcome(consumer, {0, {report}, {}}, desk.now(), desk.effects);
  CHECK(desk.held.bytes() > 6 * kPiece);  // itself, and as the store keeps it
  CHECK(desk.held.bytes() < 8 * kPiece);
  CHECK(desk.state_of(id) == JobState::running);
  CHECK(desk.commits_until_empty() == 4);
  REQUIRE(desk.state_of(id) == JobState::failed);
  CHECK(desk.engine().jobs().find(id)->outcome->error.trace == std::vector<std::string>{trace});
}

TEST_CASE("what is said about a job that is held back waits behind it") {
  HeldDesk desk;
  const SessionId client = desk.client();
  const SessionId other = desk.client();
  const JobId id = desk.submit(client, 4 * kPiece, Uuid::make(), true);
  desk.held.wait(other, {{id}, {}}, desk.effects);
  desk.held.cancel(other, {{id}, {}}, desk.now(), desk.effects);
  desk.submit(other, 4 * kPiece, id);
  CHECK(desk.held.bytes() == 4 * kPiece);
  CHECK(desk.effects.unknown.empty());
  CHECK(desk.effects.reads.empty());
  CHECK(desk.commits_until_empty() == 4);
  const Effects told = desk.take();
  CHECK(told.accepted.size() == 2);
  CHECK(told.unknown.empty());
  REQUIRE(told.ending.size() == 1);
  CHECK(told.ending.front().session == other);
  CHECK(told.done.size() == 2);
  CHECK(desk.state_of(id) == JobState::cancelled);
}

TEST_CASE("LEAVE takes back an earlier WAIT for a job that is held back") {
  HeldDesk desk;
  const SessionId client = desk.client();
  const JobId id = desk.submit(client, 2 * kPiece, Uuid::make(), true);
  for (int i = 0; i < 100; ++i) desk.held.wait(client, {{id}, {}}, desk.effects);
  desk.held.leave(client, {{id}, {}});
  desk.commits_until_empty();
  desk.held.cancel(client, {{id}, {}}, desk.now(), desk.effects);
  CHECK(desk.take().done.empty());
}

TEST_CASE("a session that ends takes its held job with it, unless another one submitted it too") {
  HeldDesk desk;
  const SessionId client = desk.client();
  const SessionId other = desk.client();
  const JobId lost = desk.submit(client, 4 * kPiece);
  const JobId kept = desk.submit(client, 4 * kPiece);
  desk.submit(other, 4 * kPiece, kept);
  desk.held.wait(other, {{lost}, {}}, desk.effects);
  static_cast<void>(desk.commit());
  desk.engine().bye(client, desk.effects);
  desk.held.ended(client, desk.now(), desk.effects);
  const auto is_close = [&](const Record& record) {
    const auto* closed = std::get_if<ValueClosed>(&record);
    return closed != nullptr && closed->name == ValueName{lost, 0};
  };
  CHECK(std::any_of(desk.effects.records.begin(), desk.effects.records.end(), is_close));
  CHECK(desk.held.bytes() == 4 * kPiece);
  desk.commits_until_empty();
  const Effects told = desk.take();
  REQUIRE(told.unknown.size() == 1);
  CHECK(told.unknown.front().what == lost);
  REQUIRE(told.accepted.size() == 1);
  CHECK(told.accepted.front().id == kept);
  CHECK(told.accepted.front().session == other);
}

TEST_CASE("past its limit in bytes a large job is refused, and so is at once what the engine would refuse") {
  HeldDesk desk;
  const SessionId client = desk.client();
  desk.submit(client, 6'000);
  const JobId refused = desk.submit(client, 6'000);
  REQUIRE(desk.effects.refused.size() == 1);
  CHECK(desk.effects.refused.front().what.id == refused);
  CHECK(desk.effects.refused.front().what.why.code == ErrorCode::queue_full);
  CHECK(desk.effects.refused.front().what.why.retry_after == std::chrono::seconds(1));
  const std::string args(2'000, 'x');
  desk.held.submit(client, {false, {{Uuid::make(), "no name", "default", args, {}}}, {}}, desk.now(), desk.effects);
  CHECK(desk.effects.refused.size() == 2);
  CHECK(desk.held.bytes() == 6'000);
}

TEST_CASE("a large job is refused while the store is full, also when a part of it is stored") {
  HeldDesk desk;
  const SessionId client = desk.client();
  const SessionId other = desk.client();
  const JobId begun = desk.submit(client, 4 * kPiece);
  static_cast<void>(desk.commit());
  desk.held.wait(other, {{begun}, {}}, desk.effects);
  desk.engine().store_has_room(0);
  const JobId late = desk.submit(client, 4 * kPiece);
  REQUIRE(desk.effects.refused.size() == 1);
  CHECK(desk.effects.refused.front().what.id == late);
  desk.commits_until_empty();
  const Effects told = desk.take();
  REQUIRE(told.refused.size() == 2);
  CHECK(told.refused.back().session == client);
  CHECK(told.refused.back().what.id == begun);
  for (const auto& refused : told.refused) CHECK(refused.what.why.code == ErrorCode::store_full);
  REQUIRE(told.unknown.size() == 1);
  CHECK(told.unknown.front().session == other);
  CHECK(told.accepted.empty());
  CHECK(desk.held.empty());
}

TEST_CASE("a large result is kept while the store is full") {
  HeldDesk desk;
  const SessionId client = desk.client();
  const SessionId consumer = desk.consumer(1);
  const JobId id = desk.EngineDriver::submit(client);
  REQUIRE(desk.assigned_to(consumer).size() == 1);
  desk.take();
  desk.engine().store_has_room(0);
  desk.report(consumer, id, 4 * kPiece);
  CHECK_FALSE(desk.held.empty());
  desk.commits_until_empty();
  CHECK(desk.take().done.size() == 1);
}

TEST_CASE("a transient job is not held back, however large") {
  HeldDesk desk;
  const SessionId client = desk.client();
  JobOptions transient;
  transient.transient = true;
  const std::string args(5'000, 'x');
  desk.held.submit(client, {false, {{Uuid::make(), "fib", "default", args, transient}}, {}}, desk.now(), desk.effects);
  CHECK(desk.held.empty());
  CHECK(desk.effects.accepted.size() == 1);
}

TEST_CASE("KEPT confirms no outcome behind one that is held back, and then all of them") {
  HeldDesk desk;
  const SessionId client = desk.client();
  const SessionId consumer = desk.consumer(3, 3);
  std::vector<JobId> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(desk.EngineDriver::submit(client));
  REQUIRE(desk.assigned_to(consumer).size() == 3);
  static_cast<void>(desk.take());
  const auto kept = [](const Effects& told) {
    std::uint64_t most = 0;
    for (const auto& each : told.kept) most = std::max(most, each.count);
    return most;
  };
  desk.report(consumer, ids[0], 10);
  desk.report(consumer, ids[1], 3 * kPiece);
  desk.report(consumer, ids[2], 10);
  static_cast<void>(desk.commit());
  Effects told = desk.take();
  CHECK(kept(told) == 1);
  CHECK(told.done.size() == 2);
  static_cast<void>(desk.commit());
  CHECK(kept(desk.take()) <= 1);
  static_cast<void>(desk.commit());
  CHECK(desk.held.empty());
  told = desk.take();
  CHECK(kept(told) == 3);
  REQUIRE(told.done.size() == 1);
  CHECK(told.done.front().what.outcome->result.size() == 3 * kPiece);
}

TEST_CASE("an outcome that is held back goes with its session, and a new session brings it again") {
  HeldDesk desk;
  const SessionId client = desk.client();
  const InstanceId instance = Uuid::make();
  const SessionId consumer = desk.consumer(1, 1, instance);
  const JobId id = desk.EngineDriver::submit(client);
  REQUIRE(desk.assigned_to(consumer).size() == 1);
  desk.report(consumer, id, 4 * kPiece);
  static_cast<void>(desk.commit());
  const SessionId again = desk.consumer(0, 1, instance, {{id, 1}});
  CHECK(desk.effects.ended == std::vector<SessionId>{consumer});
  desk.held.ended(consumer, desk.now(), desk.effects);
  CHECK(desk.held.empty());
  desk.settle();
  desk.report(again, id, 4 * kPiece);
  CHECK(desk.commits_until_empty() == 4);
  CHECK(desk.state_of(id) == JobState::succeeded);
  CHECK(desk.engine().totals().stale_outcomes == 0);
}

TEST_CASE("a stale outcome is not held back") {
  HeldDesk desk;
  const SessionId consumer = desk.consumer(1);
  desk.report(consumer, Uuid::make(), 4 * kPiece);
  CHECK(desk.held.empty());
  CHECK(desk.engine().totals().stale_outcomes == 1);
}

TEST_CASE(
    "a held outcome that came in parts is confirmed by name, and later ones by their number without waiting for it") {
  HeldDesk desk;
  const SessionId client = desk.client();
  const SessionId consumer = desk.consumer(2);
  const JobId large = desk.submit(client, 10);
  const JobId small = desk.submit(client, 10);
  desk.settle();
  desk.tick();
  const std::string result(3 * kPiece, 'r');
  desk.effects.clear();
  desk.held.outcome(consumer, {1, {{large, 1, JobState::succeeded, result, {}, {}}}, {}}, desk.now(), desk.effects,
                    true);
  CHECK(desk.held.bytes() == result.size());
  desk.report(consumer, small, 10);
  desk.engine().drain(consumer, desk.effects);
  CHECK(desk.commits_until_empty() == 3);
  std::vector<std::uint64_t> counts;
  std::vector<AttemptId> named;
  for (const Effects::Kept& kept : desk.take().kept) {
    counts.push_back(kept.count);
    named.insert(named.end(), kept.in_parts.begin(), kept.in_parts.end());
  }
  CHECK(counts.front() == 1);  // with the first commit, before the large one
  CHECK(counts.back() == 1);
  CHECK(named == std::vector<AttemptId>{{large, 1}});
}

TEST_CASE("where nothing else is committed a value goes in its largest parts") {
  EngineDriver d;
  Options options;
  HeldValues held(d.engine(), options);
  const SessionId client = d.client();
  const std::string args(8 << 20, 'x');
  held.submit(client, {false, {{Uuid::make(), "fib", "default", args, {}}}, {}}, d.now(), d.effects);
  held.committed(std::chrono::microseconds(500));
  const auto part = [&] {
    held.advance(d.now(), d.effects);
    const auto bytes = std::get<ValuePiece>(d.effects.records.back()).bytes.size();
    d.settle();
    return bytes;
  };
  CHECK(part() == 20'000);
  d.pass(std::chrono::milliseconds(49));
  CHECK(part() == 20'000);
  d.pass(std::chrono::milliseconds(1));
  CHECK(part() == options.value_piece);
  d.engine().submit(client, {false, {{Uuid::make(), "fib", "default", "\x91\x1e", {}}}, {}}, d.now(), d.effects);
  CHECK(part() == 20'000);
  d.pass(std::chrono::milliseconds(50));
  CHECK(part() == options.value_piece);
}

TEST_CASE("a commit's part of a value is larger where commits take longer, within bounds") {
  HeldDesk desk;
  Options options;
  options.large_value = 1000;
  HeldValues held(desk.engine(), options);
  const SessionId client = desk.client();
  const std::string args(4U << 20, 'x');
  held.submit(client, {false, {{Uuid::make(), "fib", "default", args, {}}}, {}}, desk.now(), desk.effects);
  const auto part_when_commits_take = [&](std::chrono::microseconds time, int commits = 500) {
    for (int i = 0; i < commits; ++i) held.committed(time);
    desk.settle();
    held.advance(desk.now(), desk.effects);
    return desk.piece_bytes();
  };
  CHECK(part_when_commits_take(std::chrono::microseconds(50)) == 16U << 10);
  CHECK(part_when_commits_take(std::chrono::microseconds(1000)) == 40'000);
  CHECK(part_when_commits_take(std::chrono::seconds(1), 10) < 50'000);  // a few slow ones are not what is usual
  CHECK(part_when_commits_take(std::chrono::milliseconds(100)) == options.value_piece);
}

}  // namespace zebu::broker
