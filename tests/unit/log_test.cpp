#include "zebu/program/log.h"

#include "tests/support/captured_log.h"
#include "tests/support/catch.h"
#include "tests/support/document.h"
#include "tests/support/paths.h"
#include "tests/support/temp_dir.h"
#include "zebu/program/line_format.h"
#include "zebu/program/log_limit.h"
#include "zebu/program/trace_id.h"

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

using namespace std::chrono_literals;
using namespace zebu;
using Json = nlohmann::json;

namespace {

struct LogLine {
  LogFormat format = LogFormat::text;
  bool is_for_journal = false;

  std::string of(Event event, LogFields fields, const std::string& text) const {
    const CurrentEvent current(event, fields);
    return plain(row_of(event).level, text);
  }
  std::string plain(spdlog::level::level_enum level, const std::string& text) const {
    spdlog::memory_buf_t line;
    LineFormat how(format, is_for_journal);
    how.format(spdlog::details::log_msg(spdlog::log_clock::time_point(1'769'860'800'123ms), {}, "zebu-x", level, text),
               line);
    return {line.data(), line.size()};
  }
};

// What may stand in the name of a peer, or in an error's message.
const std::string kHostile = "a\n2026-01-31 error: forged [stopped x=1]\x1b[31m \xe2\x80\xae\xff\"\\";

}  // namespace

TEST_CASE("a line has its time in UTC, its level, its program, and the event with its fields") {
  const std::string line = LogLine{}.of(Event::consumer_lost, {{"consumer", "c 1"}, {"jobs", 2}, {"peer_instance", ""}},
                                        "consumer c 1 is lost");
  const std::string process = std::to_string(::getpid());
  CHECK(line == "2026-01-31T12:00:00.123Z warning zebu-x[" + process +
                    "]: consumer c 1 is lost [consumer_lost consumer=\"c 1\" jobs=2]\n");
}

TEST_CASE("the text of another program breaks no line, controls no terminal and passes for no field") {
  const std::string line =
      LogLine{}.of(Event::consumer_lost, {{"consumer", kHostile}, {"jobs", 2}}, "lost " + kHostile);
  CHECK(std::count(line.begin(), line.end(), '\n') == 1);
  CHECK(line.back() == '\n');
  CHECK(line.find('\x1b') == std::string::npos);
  CHECK(line.find("\xe2\x80\xae") == std::string::npos);
  CHECK(line.find('\xff') == std::string::npos);
  // The last bracket that is not inside of quotes opens the event.
  CHECK(
      line.ends_with(" [consumer_lost consumer=\"a\\\\n2026-01-31 error: forged [stopped x=1]\\\\x1b[31m "
                     "\\\\u202e\\\\xff\\\"\\\\\" jobs=2]\n"));
}

TEST_CASE("a JSON line is one object in ASCII, whatever is in its texts") {
  LineFormat::name_instance("instance-1");
  const std::string text = LogLine{LogFormat::json}.of(
      Event::consumer_lost, {{"consumer", kHostile}, {"jobs", -2}, {"peer_instance", ""}}, kHostile);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(std::all_of(text.begin(), text.end() - 1, [](char c) { return c >= 0x20 && c < 0x7f; }));
  const Json line = Json::parse(text);
  CHECK(line.at("ts") == "2026-01-31T12:00:00.123Z");
  CHECK(line.at("level") == "warning");
  CHECK(line.at("program") == "zebu-x");
  CHECK(line.at("pid") == ::getpid());
  CHECK(line.at("instance") == "instance-1");
  CHECK(line.at("event") == "consumer_lost");
  CHECK(line.at("jobs") == -2);
  CHECK_FALSE(line.contains("peer_instance"));
  const std::string mended = "a\n2026-01-31 error: forged [stopped x=1]\x1b[31m \xe2\x80\xae\xef\xbf\xbd\"\\";
  CHECK(line.at("consumer") == mended);
  CHECK(line.at("message") == mended);
  LineFormat::name_instance({});
}

TEST_CASE("a line of a library is the event `line`") {
  CHECK(Json::parse(LogLine{LogFormat::json}.plain(spdlog::level::err, "x")).at("event") == "line");
}

TEST_CASE("a line for the journal begins with its priority, and has no time or program of its own") {
  CHECK(LogLine{LogFormat::text, true}.of(Event::draining, {{"jobs", 1}}, "draining") ==
        "<6>info: draining [draining jobs=1]\n");
  CHECK(LogLine{LogFormat::json, true}.of(Event::start_failed, {}, "x").starts_with("<3>{\"ts\":"));
  CHECK(LogLine{LogFormat::text, true}.of(Event::store_failed, {}, "x").starts_with("<2>"));
  CHECK(LogLine{LogFormat::text, true}.of(Event::job_ended, {}, "x").starts_with("<7>"));
}

TEST_CASE("long texts are cut between characters") {
  const std::string text = std::string(kMostMessage - 1, 'x') + "\xc3\xa4 and more";
  const Json line = Json::parse(LogLine{LogFormat::json}.of(Event::queue_paused, {{"reason", text}}, text));
  CHECK(line.at("message") == std::string(kMostMessage - 1, 'x') + "…");
  CHECK(line.at("reason") == std::string(kMostField, 'x') + "…");
}

TEST_CASE("stderr leads to the journal where JOURNAL_STREAM names its device and inode") {
  const zebu::test::TempDir folder;
  const int file = ::open((folder.path() / "log").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  struct stat status {};
  REQUIRE(::fstat(file, &status) == 0);
  const std::string name = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  CHECK(leads_to_journal(file, name.c_str()));
  CHECK_FALSE(leads_to_journal(file, (name + "0").c_str()));
  CHECK_FALSE(leads_to_journal(file, ""));
  CHECK_FALSE(leads_to_journal(file, nullptr));
  ::close(file);
  CHECK_FALSE(leads_to_journal(file, name.c_str()));
}

TEST_CASE("of one event so many lines leave in a window, and what is left out is told once") {
  LogLimit limit(3, 10s);
  const LogLimit::Time start(1000s);
  for (int i = 0; i < 3; ++i) CHECK(limit.may_leave(Event::client_joined, start + std::chrono::seconds(i)));
  for (int i = 0; i < 5; ++i) CHECK_FALSE(limit.may_leave(Event::client_joined, start + 3s));
  CHECK(limit.may_leave(Event::client_left, start + 3s));  // another event
  CHECK(limit.tick(start + 9s).empty());
  // Until that is told, the window goes on.
  CHECK_FALSE(limit.may_leave(Event::client_joined, start + 10s));
  const auto left_out = limit.tick(start + 13s);
  REQUIRE(left_out.size() == 1);
  CHECK(left_out[0].event == Event::client_joined);
  CHECK(left_out[0].count == 6);
  CHECK(limit.tick(start + 30s).empty());
  CHECK(limit.may_leave(Event::client_joined, start + 30s));
}

TEST_CASE("a flood of one event leaves a hundred lines and says how many it left out; debug has no limit") {
  const zebu::test::CapturedLog log;
  for (int i = 0; i < 1000; ++i) log_event(Event::accept_failed, {}, "no descriptor");
  for (int i = 0; i < 1000; ++i) log_event(Event::job_ended, {{"job", i}}, "job {} has ended", i);
  CHECK(log.count("accept_failed") == kMostLines);
  CHECK(log.count("job_ended") == 1000);
  CHECK(log.count("lines_left_out") == 0);
  tick_log(std::chrono::steady_clock::now() + kLogWindow);
  CHECK(log.count("lines_left_out", {{"of", "accept_failed"}, {"count", 900}}) == 1);
}

TEST_CASE("a window without lines left out ends by itself") {
  LogLimit limit(1, 10s);
  const LogLimit::Time start(1000s);
  CHECK(limit.may_leave(Event::client_joined, start));
  CHECK(limit.may_leave(Event::client_joined, start + 10s));
}

TEST_CASE("a trace id comes from a traceparent that is one") {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const auto in = [](const std::string& value) {
    return std::string(trace_id_in(std::vector<Header>{{"x", "y"}, {"traceparent", value}}));
  };
  CHECK(in("00-" + trace + "-00f067aa0ba902b7-01") == trace);
  CHECK(in("00-" + std::string(32, '0') + "-00f067aa0ba902b7-01").empty());
  CHECK(in("00-" + std::string(32, 'G') + "-00f067aa0ba902b7-01").empty());
  CHECK(in("00 " + trace + "-00f067aa0ba902b7-01").empty());
  CHECK(in(trace).empty());
  CHECK(trace_id_in({}).empty());
}

// Whether it comes there is what those tests are for: this one only finds an event that was forgotten.
TEST_CASE("a test asks for every event by its name") {
  std::string tests;
  for (const char* kind : {"unit", "integration", "system"}) {
    for (const auto& entry : std::filesystem::directory_iterator(zebu::test::source(std::string("tests/") + kind))) {
      std::ifstream file(entry.path());
      tests.append(std::istreambuf_iterator<char>(file), {});
    }
  }
  for (const EventRow& row : all_events()) {
    INFO(row.name);
    CHECK(tests.find('"' + std::string(row.name) + '"') != std::string::npos);
  }
}

TEST_CASE("docs/operations.md lists every event with its level and fields, and no other") {
  std::vector<std::vector<std::string>> expected;
  for (const EventRow& row : all_events()) {
    const auto level = spdlog::level::to_string_view(row.level);
    expected.push_back({std::string(row.name), std::string(level.data(), level.size()), std::string(row.fields)});
  }
  std::vector<std::vector<std::string>> documented;
  const auto rows = zebu::test::table_rows("docs/operations.md", "event");
  for (std::size_t i = 1; i < rows.size(); ++i) {
    REQUIRE(rows[i].size() >= 4);
    CHECK_FALSE(rows[i][3].empty());
    documented.push_back({rows[i][0], rows[i][1], rows[i][2]});
  }
  CHECK(documented == expected);
}
