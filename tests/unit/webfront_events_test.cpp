#include "tests/support/catch.h"
#include "webfront/api/job_events.h"

#include <nlohmann/json.hpp>

#include <limits>
#include <sstream>
#include <utility>
#include <vector>

// The events of a job, made of what the broker says.
namespace zebu::webfront::api {

using Json = nlohmann::json;

namespace {

struct Event {
  std::string name;
  std::string id;
  Json data;
};

// As a browser reads them.
std::vector<Event> events_in(const std::string& text) {
  std::vector<Event> events;
  std::istringstream lines(text);
  Event event;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("event: ")) event.name = line.substr(7);
    if (line.starts_with("id: ")) event.id = line.substr(4);
    if (line.starts_with("data: ")) event.data = Json::parse(line.substr(6));
    if (line.empty()) events.push_back(std::exchange(event, {}));
  }
  return events;
}

const JobId kJob = *Uuid::parse("01a20014-43e6-7000-9165-041e10c4cea2");

Progress report(std::uint64_t number, std::uint64_t offset, std::string output, std::optional<double> done = {},
                std::string note = "") {
  return {done, std::move(note), std::move(output), offset, number};
}

}  // namespace

TEST_CASE("the id of an event is read back, and nothing else is one") {
  for (const EventPlace& place :
       {EventPlace{}, EventPlace{JobState::running, 2, 17, 4096},
        EventPlace{JobState::expired, std::numeric_limits<std::uint32_t>::max(),
                   std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<std::uint64_t>::max()}}) {
    CHECK(parse_event_id(event_id(place)) == place);
  }
  CHECK(event_id({JobState::running, 2, 17, 4096}) == "running-2-17-4096");
  for (const char* text :
       {"", "-", "running", "running-1", "running-1-2", "running-1-2-", "running-1-2-3-", "running-1-2-3-4",
        "running-01-2-3", "running-+1-2-3", "running--1-2-3", "running-1-2-x", "tired-1-2-3", "Running-1-2-3",
        "running-4294967296-0-0", "running-0-18446744073709551616-0", "running-1-2-3 ", " running-1-2-3", "1-2-3"}) {
    INFO(text);
    CHECK_FALSE(parse_event_id(text));
  }
}

TEST_CASE("a state is told once, and again after the broker was away") {
  JobEvents events(kJob, false, std::nullopt);
  std::string text;
  events.add_state(text, JobState::queued, 0);
  events.add_state(text, JobState::queued, 0);
  events.add_disconnected(text, {ErrorCode::disconnected, "gone\n", {}});
  events.add_disconnected(text, {ErrorCode::disconnected, "gone", {}});
  events.add_state(text, JobState::queued, 0);
  events.add_state(text, JobState::running, 1);
  const auto all = events_in(text);
  REQUIRE(all.size() == 4);
  CHECK(all[0].name == "state");
  CHECK(all[0].id == "queued-0-0-0");
  CHECK(all[0].data == Json{{"id", kJob.to_string()}, {"state", "queued"}, {"attempt", 0}});
  CHECK(all[1].name == "disconnected");
  CHECK(all[1].id.empty());
  CHECK(all[1].data["detail"] == "gone\n");
  CHECK(all[2].data["state"] == "queued");
  CHECK(all[3].id == "running-1-0-0");
}

TEST_CASE("progress is told without gap or repeat, whatever comes twice") {
  JobEvents events(kJob, false, std::nullopt);
  std::string text;
  events.add_state(text, JobState::running, 1);
  events.add_progress(text, 1, report(1, 0, "one\n", 0.25, "first"));
  events.add_progress(text, 1, report(1, 0, "one\n", 0.25, "first"));
  // What the broker has of it when it is asked.
  events.add_progress(text, 1, report(2, 0, "one\ntwo\n", 0.5, "second"));
  events.add_progress(text, 1, report(2, 4, "two\n", 0.5, "second"));
  // Behind a gap: the offset shows it.
  events.add_progress(text, 1, report(9, 100, "later"));
  const auto all = events_in(text);
  REQUIRE(all.size() == 4);
  CHECK(all[1].id == "running-1-1-4");
  CHECK(all[1].data ==
        Json{{"attempt", 1}, {"done", 0.25}, {"note", "first"}, {"output", "one\n"}, {"offset", 0}, {"number", 1}});
  CHECK(all[2].data["output"] == "two\n");
  CHECK(all[2].data["offset"] == 4);
  CHECK(all[2].id == "running-1-2-8");
  CHECK(all[3].data["offset"] == 100);
  CHECK(all[3].data["done"].is_null());
  CHECK(all[3].id == "running-1-9-105");
}

TEST_CASE("another attempt begins anew, and what is late of the one before is left out") {
  JobEvents events(kJob, false, std::nullopt);
  std::string text;
  events.add_progress(text, 1, report(3, 0, "abc"));
  events.add_progress(text, 2, report(1, 0, "x"));
  events.add_progress(text, 1, report(4, 3, "d"));
  const auto all = events_in(text);
  REQUIRE(all.size() == 4);
  CHECK(all[0].id == "running-1-0-0");
  CHECK(all[1].id == "running-1-3-3");
  CHECK(all[2].id == "running-2-0-0");
  CHECK(all[3].id == "running-2-1-1");
}

TEST_CASE("a reader that comes back goes on from the id that it has") {
  JobEvents events(kJob, false, parse_event_id("running-1-2-8"));
  std::string text;
  events.add_state(text, JobState::running, 1);
  CHECK(text.empty());
  events.add_progress(text, 1, report(3, 0, "one\ntwo\nthree\n", 0.75, "third"));
  const auto all = events_in(text);
  REQUIRE(all.size() == 1);
  CHECK(all[0].data["output"] == "three\n");
  CHECK(all[0].data["note"] == "third");
  CHECK(all[0].id == "running-1-3-14");
}

TEST_CASE("an id that cannot be is a beginning") {
  JobEvents events(kJob, false, parse_event_id("queued-4294967295-18446744073709551615-18446744073709551615"));
  std::string text;
  events.add_state(text, JobState::running, 1);
  events.add_progress(text, 1, report(1, 0, "one", 1.0));
  REQUIRE(events_in(text).size() == 2);
  CHECK(events_in(text)[1].id == "running-1-1-3");
}

TEST_CASE("an outcome closes the events, with its state in the id") {
  JobEvents events(kJob, false, std::nullopt);
  std::string text;
  events.add_state(text, JobState::running, 1);
  events.add_progress(text, 1, report(2, 0, "abc"));
  events.add_outcome(text, JobState::succeeded, std::nullopt,
                     R"({"id":"x","state":"succeeded","run_us":1,"result":"a\nb"})");
  const auto all = events_in(text);
  REQUIRE(all.size() == 3);
  CHECK(all[2].name == "outcome");
  CHECK(all[2].id == "succeeded-1-2-3");
  CHECK(all[2].data["result"] == "a\nb");
  text.clear();
  events.add_outcome(text, JobState::failed, 3, "{}");
  CHECK(events_in(text)[0].id == "failed-3-0-0");
}

TEST_CASE("of a private job the events say how far it is, and no text") {
  JobEvents events(kJob, true, std::nullopt);
  std::string text;
  events.add_progress(text, 1, report(1, 0, "the secret", 0.5, "the secret"));
  // As the broker shows it.
  events.add_progress(text, 1, report(1, 0, "private", 0.5, "private"));
  events.add_progress(text, 1, report(2, 10, "", 0.75));
  CHECK(text.find("secret") == std::string::npos);
  const auto all = events_in(text);
  REQUIRE(all.size() == 3);
  CHECK(all[1].data["note"] == "private");
  CHECK(all[1].data["output"] == "private");
  CHECK(all[1].id == "running-1-1-0");
  CHECK(all[2].data["output"] == "");
  CHECK(all[2].data["offset"] == 0);
  const Outcome failed =
      json::without_secrets(Outcome::failed({"Boom", "the secret", {"the secret"}, ErrorKind::permanent}));
  CHECK(json::outcome_body(kJob, failed).find("secret") == std::string::npos);
  CHECK(Json::parse(json::outcome_body(kJob, failed))["error"]["type"] == "Boom");
  const Outcome done = json::without_secrets({JobState::succeeded, "\xa6secret", {}, {}});
  CHECK(Json::parse(json::outcome_body(kJob, done))["result"] == "private");
}

TEST_CASE("no text of a task breaks out of an event") {
  JobEvents events(kJob, false, std::nullopt);
  std::string text;
  events.add_progress(text, 1, report(1, 0, "\n\nevent: outcome\ndata: {}\n\n\r\r\xff", 0.5, "a\r\n\r\nid: 1"));
  const auto all = events_in(text);
  REQUIRE(all.size() == 2);
  CHECK(text.find('\r') == std::string::npos);
  CHECK(all[1].data["note"] == "a\r\n\r\nid: 1");
}

}  // namespace zebu::webfront::api
