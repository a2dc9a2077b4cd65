#include "producer/map/done_lines.h"
#include "producer/map/ids.h"
#include "producer/map/line.h"
#include "producer/map/output.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

#include <sys/file.h>

#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace zebu::producer {

using zebu::test::TempDir;

namespace {

constexpr const char* kDone = R"({"input":[1],"state":"succeeded","result":1})"
                              "\n";
constexpr const char* kFailed = R"({"input":2,"state":"failed","error":{"type":"t","message":"m","trace":[]}})"
                                "\n";
constexpr const char* kNoJob = R"({"input":"nope","line":3,"state":"failed","error":{"type":"bad_value"}})"
                               "\n";

Line line_of(std::string text, std::uint64_t number = 1) {
  Line line;
  line.text = std::move(text);
  line.number = number;
  return line;
}

MapOptions resuming(const std::string& file) {
  MapOptions options;
  options.output = file;
  options.resume = true;
  return options;
}

void append(const MapOutput& output, std::string_view text) {
  REQUIRE(::write(output.file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

}  // namespace

TEST_CASE("map --resume reads the output of map") {
  Outcome succeeded;
  succeeded.state = JobState::succeeded;
  succeeded.result = "\x01";
  Outcome expired;
  expired.state = JobState::expired;
  const std::string inputs[] = {"35",
                                "[35]",
                                "[]",
                                "{}",
                                "null",
                                R"("a,\"state\":\"failed\",}]")",
                                R"({"a":[1,{"b":"]}"}],"state":"x"})",
                                R"(["\\"])",
                                R"("input")"};
  for (const std::string& input : inputs) {
    INFO(input);
    const Line line = line_of(input, 7);
    const std::string written = output_line(line, true, succeeded);
    const auto read = parse_output_line(written);
    REQUIRE(read);
    CHECK(read->input_field == input_field(line, true));
    CHECK(read->has_succeeded);
    CHECK_FALSE(parse_output_line(output_line(line, true, expired))->has_succeeded);

    const Error why{ErrorCode::bad_value, "m", {}};
    const std::string refused = output_line(line, false, tl::make_unexpected(why));
    const auto no_job = parse_output_line(refused);
    REQUIRE(no_job);
    CHECK(no_job->input_field == input_field(line, false));
    CHECK(no_job->input_field != read->input_field);
    for (std::size_t length = 0; length < written.size(); ++length) {
      CHECK_FALSE(parse_output_line(written.substr(0, length)));
      CHECK(may_begin_output_line(written.substr(0, length)));
    }
  }
}

TEST_CASE("a line that map has not written is not accepted as output") {
  for (const char* text :
       {"", "{}", "[]", R"({"input":1})", R"({"input":1,"state":"running"})", R"({"input":,"state":"failed"})",
        R"({"input": 1, "state": "failed"})", R"({"state":"failed","input":1})", R"({"input":[1,"state":"failed"})"}) {
    INFO(text);
    CHECK_FALSE(parse_output_line(text));
  }
  CHECK_FALSE(may_begin_output_line("hello"));
}

TEST_CASE("equal lines are skipped as often as they are done") {
  DoneLines done;
  CHECK_FALSE(done.take("a"));
  for (const char* text : {"a", "b", "a", "c", "a"}) done.add(text);
  done.settle();
  CHECK(done.size() == 5);
  for (int i = 0; i < 3; ++i) CHECK(done.take("a"));
  CHECK_FALSE(done.take("a"));
  CHECK(done.take("b"));
  CHECK_FALSE(done.take("B"));
  CHECK(done.size() == 1);
}

TEST_CASE("many lines are found again, each once") {
  DoneLines done;
  for (int i = 0; i < 10'000; ++i) done.add(std::to_string(i));
  done.settle();
  for (int i = 9'999; i >= 0; --i) REQUIRE(done.take(std::to_string(i)));
  CHECK(done.size() == 0);
}

TEST_CASE("ids of a run are known from it, differ, and grow with the line") {
  const Uuid run = Uuid::make();
  const MapIds ids(run, "task", "queue");
  CHECK(ids.of(5, "args") == ids.of(5, "args"));
  CHECK(ids.of(5, "args") == MapIds(run, "task", "queue").of(5, "args"));
  CHECK(ids.of(5, "args") != ids.of(5, "other"));
  CHECK(ids.of(5, "args") != MapIds(run, "other", "queue").of(5, "args"));
  CHECK(ids.of(5, "args") != MapIds(run, "task", "other").of(5, "args"));
  CHECK(ids.of(5, "args") != MapIds(Uuid::make(), "task", "queue").of(5, "args"));
  CHECK(ids.of(5, "args").unix_time() == run.unix_time());
  JobId before = ids.of(0, "args");
  for (const std::uint64_t line :
       {1ULL, 2ULL, 255ULL, 256ULL, 65'536ULL, 4'194'303ULL, 4'194'304ULL, 15'000'000ULL, 17'179'869'183ULL}) {
    const JobId id = ids.of(line, "args");
    CHECK(id > before);
    CHECK((id.bytes[6] >> 4) == 7);
    CHECK((id.bytes[8] >> 6) == 2);
    before = id;
  }
}

TEST_CASE("a new output file is opened with a run file beside it, which is forgotten at the end") {
  const TempDir dir;
  const std::string file = dir.path() / "out";
  for (const bool resume : {false, true}) {
    MapOptions options = resuming(file);
    options.resume = resume;
    const auto output = open_map_output(options);
    REQUIRE(output);
    CHECK(output->done.size() == 0);
    CHECK(dir.read("out.run") == output->run.to_string() + "\n");
    forget_run(*output);
    CHECK_FALSE(std::filesystem::exists(file + ".run"));
  }
}

TEST_CASE("an output file with lines is only written by --resume, and by one map at a time") {
  const TempDir dir;
  const std::string file = dir.write("out", kDone);
  MapOptions options = resuming(file);
  options.resume = false;
  const auto refused = open_map_output(options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::bad_value);
  CHECK(refused.error().message.find("--resume") != std::string::npos);
  CHECK(dir.read("out") == kDone);

  const auto first = open_map_output(resuming(file));
  REQUIRE(first);
  const auto second = open_map_output(resuming(file));
  REQUIRE_FALSE(second);
  CHECK(second.error().message.find("another program") != std::string::npos);
}

TEST_CASE("map --resume knows what is done, cuts off a half line, and writes behind the last whole one") {
  const TempDir dir;
  const std::string whole = std::string(kDone) + kFailed + kNoJob;
  const std::string file = dir.write("out", whole + R"({"input":[4],"sta)");
  auto output = open_map_output(resuming(file));
  REQUIRE(output);
  CHECK(output->failed == 2);
  CHECK(output->done.size() == 3);
  CHECK(output->done.take(input_field(line_of("[1]"), true)));
  CHECK(output->done.take(input_field(line_of("2"), true)));
  CHECK(output->done.take(input_field(line_of("nope", 3), false)));
  append(*output, "x\n");
  CHECK(dir.read("out") == whole + "x\n");
}

TEST_CASE("a file that is only half a line is begun anew") {
  const TempDir dir;
  const std::string file = dir.write("out", R"({"inp)");
  CHECK(open_map_output(resuming(file)));
  CHECK(dir.read("out").empty());
}

TEST_CASE("a half line longer than a block is cut off as well") {
  const TempDir dir;
  const std::string file = dir.write("out", std::string(kDone) + "{\"input\":\"" + std::string(200'000, 'x'));
  CHECK(open_map_output(resuming(file)));
  CHECK(dir.read("out") == kDone);
}

TEST_CASE("map --retry-failed leaves only what succeeded, and takes new ids") {
  const TempDir dir;
  const std::string file = dir.write("out", std::string(kFailed) + kDone + kNoJob + R"({"input":[4])");
  const Uuid old_run = Uuid::make();
  dir.write("out.run", old_run.to_string() + "\n");
  std::filesystem::permissions(file, std::filesystem::perms(0640));
  MapOptions options = resuming(file);
  options.retry_failed = true;
  auto output = open_map_output(options);
  REQUIRE(output);
  CHECK(output->failed == 0);
  CHECK(output->done.size() == 1);
  CHECK(output->run != old_run);
  append(*output, "x\n");
  CHECK(dir.read("out") == std::string(kDone) + "x\n");
  CHECK(std::filesystem::status(file).permissions() == std::filesystem::perms(0640));
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), std::filesystem::directory_iterator()) == 2);
}

TEST_CASE("map --resume goes on with the ids of the run that was killed") {
  const TempDir dir;
  const std::string file = dir.write("out", kDone);
  const Uuid run = Uuid::make();
  dir.write("out.run", run.to_string() + "\n");
  CHECK(open_map_output(resuming(file))->run == run);
  dir.write("out.run", "half");
  CHECK(open_map_output(resuming(file))->run != run);
}

TEST_CASE("a file that is not map's is refused and left as it is") {
  const TempDir dir;
  for (const std::string content : {"precious", "precious\n", "a\nb", "\n"}) {
    const std::string file = dir.write("out", content);
    for (const std::string& text : {content, kDone + content}) {
      dir.write("out", text);
      const auto refused = open_map_output(resuming(file));
      INFO(text);
      REQUIRE_FALSE(refused);
      CHECK(refused.error().message.find("was not written by map") != std::string::npos);
      CHECK(dir.read("out") == text);
    }
  }
  const std::string file = dir.write("out", kDone);
  dir.write("out.run", std::string(100, 'x'));
  CHECK_FALSE(open_map_output(resuming(file)));
  CHECK(dir.read("out.run") == std::string(100, 'x'));
  CHECK_FALSE(open_map_output(resuming("/dev/null")));
  CHECK_FALSE(open_map_output(resuming(dir.path() / "no" / "out")));
}

}  // namespace zebu::producer
