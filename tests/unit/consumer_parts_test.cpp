#include "consumer/pace.h"
#include "consumer/slots/running_mark.h"
#include "consumer/slots/units.h"
#include "consumer/undelivered.h"
#include "consumer/unsent_progress.h"
#include "tests/support/catch.h"

#include <map>

namespace {

using namespace std::chrono_literals;
using zebu::AttemptId;
using zebu::Frame;
using zebu::JobState;
using zebu::consumer::Pace;
using zebu::consumer::RunningMark;
using zebu::consumer::Undelivered;
using zebu::consumer::UnsentProgress;

constexpr std::size_t kConsumerMaxMessage = 16U << 20;

AttemptId attempt(std::uint8_t number) {
  AttemptId id;
  id.job.bytes[0] = number;
  id.attempt = 1;
  return id;
}

// The numbers of the jobs in the OUTCOMEs that are sent, and the sum of their credit.
struct SentOutcomes {
  std::vector<int> jobs;
  std::uint32_t credit = 0;
  int frames = 0;
  int long_frames = 0;
};

SentOutcomes send(Undelivered& outcomes, std::uint32_t credit = 0, std::size_t max_part = kConsumerMaxMessage) {
  SentOutcomes sent;
  zebu::Decoder decoder;
  const auto left = outcomes.send(credit, {kConsumerMaxMessage, max_part}, [&](const Frame& frame) {
    if (frame.bytes().size() > max_part) ++sent.long_frames;
    const auto message = decoder.decode(frame.bytes());
    REQUIRE(message);
    const auto& report = std::get<zebu::message::OutcomeReport>(*message);
    for (const auto& job : report.jobs) sent.jobs.push_back(job.id.bytes[0]);
    sent.credit += report.credit;
    ++sent.frames;
  });
  if (sent.frames > 0 && sent.long_frames < sent.frames) CHECK(sent.credit == credit);
  CHECK(left + sent.credit == credit);
  return sent;
}

Undelivered outcomes_of(std::uint8_t count, const std::string& result = "\x01") {
  Undelivered outcomes;
  for (std::uint8_t i = 0; i < count; ++i) outcomes.add({attempt(i), {JobState::succeeded, result, {}, {}}});
  return outcomes;
}

}  // namespace

TEST_CASE("outcomes are sent once in a session, all of them in one message, with the credit") {
  Undelivered outcomes = outcomes_of(3);
  const SentOutcomes sent = send(outcomes, 7);
  CHECK(sent.jobs == std::vector<int>{0, 1, 2});
  CHECK(sent.credit == 7);
  CHECK(sent.frames == 1);
  CHECK(send(outcomes, 7).frames == 0);
}

TEST_CASE("outcomes that the broker did not confirm are sent again in the next session") {
  Undelivered outcomes = outcomes_of(4);
  CHECK(send(outcomes).jobs.size() == 4);
  outcomes.keep({1});
  outcomes.keep({3});
  CHECK(outcomes.size() == 1);
  outcomes.start_session();
  CHECK(send(outcomes).jobs == std::vector<int>{3});
  outcomes.keep({1});
  CHECK(outcomes.empty());
}

TEST_CASE("a broker that confirms more than it was sent does not make outcomes vanish") {
  Undelivered outcomes = outcomes_of(2);
  outcomes.keep({2});
  CHECK(outcomes.size() == 2);
  CHECK(send(outcomes).jobs.size() == 2);
  outcomes.add({attempt(9), {}});
  outcomes.keep({100});
  CHECK(outcomes.size() == 1);
  CHECK(send(outcomes).jobs == std::vector<int>{9});
}

TEST_CASE("outcomes that do not fit one message are spread, and credit is given once") {
  Undelivered outcomes = outcomes_of(5, std::string(400, 'x'));
  const SentOutcomes sent = send(outcomes, 5, 1024);
  CHECK(sent.jobs.size() == 5);
  CHECK(sent.frames > 1);
  CHECK(sent.long_frames == 0);
  CHECK(sent.credit == 5);
}

TEST_CASE("an outcome that is sent in parts is confirmed by name, others by their number") {
  Undelivered outcomes = outcomes_of(2);
  outcomes.add({attempt(2), {JobState::succeeded, std::string(2000, 'x'), {}, {}}});
  outcomes.add({attempt(3), {}});
  const SentOutcomes sent = send(outcomes, 3, 1024);
  CHECK(sent.jobs == std::vector<int>{0, 1, 2, 3});
  CHECK(sent.long_frames == 1);
  CHECK(sent.credit == 3);
  outcomes.keep({2});
  CHECK(outcomes.size() == 2);
  outcomes.keep({3});
  CHECK(outcomes.size() == 1);
  std::vector<AttemptId> held;
  outcomes.list(held);
  CHECK(held == std::vector<AttemptId>{attempt(2)});
  outcomes.start_session();
  CHECK(send(outcomes, 1, 1024).jobs == std::vector<int>{2});
  outcomes.keep({0, {attempt(2)}});
  CHECK(outcomes.empty());
}

TEST_CASE("the credit is left over if all outcomes are sent in parts") {
  Undelivered outcomes = outcomes_of(1, std::string(2000, 'x'));
  const SentOutcomes sent = send(outcomes, 3, 1024);
  CHECK(sent.long_frames == 1);
  CHECK(sent.credit == 0);
}

TEST_CASE("a result that no message can hold becomes a failure instead of an endless reconnection") {
  Undelivered outcomes = outcomes_of(1, std::string(2000, 'x'));
  bool was_seen = false;
  (void)outcomes.send(0, {1024, 1024}, [&](const Frame& frame) {
    zebu::Decoder decoder;
    const auto message = decoder.decode(frame.bytes());
    const auto& job = std::get<zebu::message::OutcomeReport>(message.value()).jobs.at(0);
    CHECK(job.state == JobState::failed);
    CHECK(job.error.type == "zebu::ResultTooLarge");
    CHECK(job.error.kind == zebu::ErrorKind::permanent);
    was_seen = true;
  });
  CHECK(was_seen);
}

TEST_CASE("nothing is fetched in advance until jobs are known to be short") {
  Pace pace;
  CHECK(pace.prefetch() == 0);
  CHECK(pace.batch() == 1);
  for (int i = 0; i < 10; ++i) pace.add(2us);
  CHECK(pace.prefetch() == 512);
  CHECK(pace.batch() > 100);
  pace.reset();
  CHECK(pace.prefetch() == 0);
}

TEST_CASE("about two milliseconds of work lie ready for each slot, at least one job, and none behind long ones") {
  Pace pace;
  pace.add(20us);
  CHECK(pace.prefetch() == 100);
  CHECK(pace.batch() == 15);
  pace.reset();
  pace.add(1500us);
  CHECK(pace.prefetch() == 2);
  CHECK(pace.batch() == 2);
  pace.reset();
  pace.add(9ms);
  CHECK(pace.prefetch() == 1);
  CHECK(pace.batch() == 2);
  pace.reset();
  pace.add(11ms);
  CHECK(pace.prefetch() == 0);
  CHECK(pace.batch() == 1);
}

TEST_CASE("one long job among short ones stops fetching, and short ones bring it back") {
  Pace pace;
  for (int i = 0; i < 100; ++i) pace.add(2us);
  pace.add(1s);
  CHECK(pace.prefetch() == 0);
  for (int i = 0; i < 200; ++i) pace.add(2us);
  CHECK(pace.prefetch() > 100);
}

TEST_CASE("progress gathers for each attempt, is sent once, and is spread over messages") {
  UnsentProgress unsent;
  std::map<int, zebu::Progress> heard;
  std::size_t frames = 0;
  const auto send_all = [&](std::size_t max_message) {
    unsent.send(max_message, [&](const Frame& frame) {
      CHECK(frame.bytes().size() <= max_message);
      zebu::Decoder decoder;
      const auto message = decoder.decode(frame.bytes());
      REQUIRE(message);
      for (const auto& job : std::get<zebu::message::ProgressReports>(*message).jobs) {
        zebu::Progress& all = heard[job.id.bytes[0]];
        if (job.done) all.done = job.done;
        if (!job.note.empty()) all.note = job.note;
        all.output += job.output;
        all.offset = job.offset + job.output.size() - all.output.size();
        all.number = job.number;
      }
      ++frames;
    });
  };
  unsent.add({attempt(1), {0.1, "one", "a\n", 0, 1}});
  unsent.add({attempt(2), {0.2, "two", ""}});
  unsent.add({attempt(1), {0.3, "", "b\n", 2, 2}});
  send_all(kConsumerMaxMessage);
  CHECK(frames == 1);
  CHECK(heard[1] == zebu::Progress{0.3, "one", "a\nb\n", 0, 2});
  CHECK(heard[2] == zebu::Progress{0.2, "two", ""});
  send_all(kConsumerMaxMessage);
  CHECK(frames == 1);

  for (std::uint8_t i = 0; i < 10; ++i) unsent.add({attempt(i), {0.5, "", std::string(500, 'x')}});
  unsent.add({attempt(99), {0.7, "", std::string(5000, 'x')}});
  send_all(1024);
  CHECK(frames > 5);
  CHECK(heard[9].output.size() == 500);
  CHECK(heard[99] == zebu::Progress{0.7, "", std::string(5000, 'x')});
}

TEST_CASE("a broker that is away for long costs a bounded memory of output") {
  UnsentProgress unsent;
  AttemptId id = attempt(1);
  for (std::uint32_t i = 1; i <= 1000; ++i) {
    id.attempt = i;
    unsent.add({id, {0.5, "", std::string(zebu::kMaxOutput, 'x')}});
  }
  std::size_t bytes = 0;
  unsent.send(kConsumerMaxMessage, [&](const Frame& frame) { bytes += frame.bytes().size(); });
  CHECK(bytes <= (16U << 20) + 1000 * 64);
}

TEST_CASE("a mark says what runs and since when, and what was begun last") {
  RunningMark mark{};
  CHECK_FALSE(mark.read());
  const zebu::TimePoint start(5s);
  mark.begin(attempt(7), start);
  REQUIRE(mark.read());
  CHECK(mark.read()->id == attempt(7));
  CHECK(mark.read()->since == start);
  mark.end();
  CHECK_FALSE(mark.read());
  CHECK(mark.last() == attempt(7));
  mark.begin(attempt(8), start);
  CHECK(mark.last() == attempt(8));
  mark.reset();
  CHECK_FALSE(mark.read());
  CHECK(mark.last().attempt == 0);
}

TEST_CASE("limits are said as people do") {
  CHECK(zebu::consumer::readable(250ms) == "250 ms");
  CHECK(zebu::consumer::readable(2s) == "2 s");
  CHECK(zebu::consumer::readable(1500ms) == "1.5 s");
  CHECK(zebu::consumer::readable(1h) == "3600 s");
  CHECK(zebu::consumer::readable_bytes(64U << 20) == "64 MiB");
  CHECK(zebu::consumer::readable_bytes(1000) == "1000 bytes");
}
