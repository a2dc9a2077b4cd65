#include "tests/support/catch.h"
#include "tests/support/golden.h"
#include "tests/support/paths.h"

#include <bit>
#include <cmath>
#include <iostream>
#include <sstream>

using namespace zebu;
using namespace zebu::test;

namespace {

// One array of the given elements, each given as msgpack bytes.
std::string array_of(std::initializer_list<std::string> elements) {
  std::string bytes(1, static_cast<char>(0x90 | elements.size()));
  for (const std::string& element : elements) bytes += element;
  return bytes;
}

std::string text(const std::string& value) {
  const auto size = static_cast<unsigned>(value.size());
  if (size < 32) return static_cast<char>(0xa0 | size) + value;
  std::string bytes = "\xdb";
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift & 255);
  return bytes + value;
}

std::string real(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  std::string bytes = "\xcb";
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(bits >> shift & 255);
  return bytes;
}

std::string id_bytes(std::uint8_t last) { return std::string("\xc4\x10", 2) + std::string(id_of(last).view()); }

// Of the frame, or of its first entry that cannot be read.
std::string error_of(const std::string& frame) {
  Decoder decoder;
  const auto message = decoder.decode(frame);
  if (message && !message::bad_entries(*message).empty()) return message::bad_entries(*message)[0].why;
  const auto* query = message ? std::get_if<message::Query>(&*message) : nullptr;
  if (query != nullptr && query->bad) return *query->bad;
  const auto* command = message ? std::get_if<message::Command>(&*message) : nullptr;
  if (command != nullptr && command->bad) return *command->bad;
  if (message) return "decoded as " + std::string(message::name_of(message::type_of(*message)));
  CHECK(message.error().code == ErrorCode::bad_message);
  return message.error().message;
}

using OptionBytes = std::vector<std::pair<std::string, std::string>>;  // key, its value's bytes

std::string submission(const OptionBytes& options) {
  std::string job = "\x95" + id_bytes(1) + text("fib") + text("q") + std::string("\xc4\x01\x90", 3);
  job += static_cast<char>(0x80 | options.size());
  for (const auto& [key, value] : options) job += text(key) + value;
  return job;
}

std::string error_of_options(const OptionBytes& options) { return error_of("\x93\x10\xc3\x91" + submission(options)); }

JobOptions options_of(const OptionBytes& options) {
  const std::string entry = submission(options);
  Decoder decoder;
  return decoder.decode_submission(entry).value().options;
}

}  // namespace

TEST_CASE("every message has its golden bytes and comes back from them") {
  const std::vector<GoldenLine> golden = read_golden();
  const std::vector<GoldenLine> ours = golden_lines();
  REQUIRE(golden.size() == ours.size());
  for (std::size_t i = 0; i < golden.size(); ++i) CHECK(text_of(golden[i]) == text_of(ours[i]));
  for (const GoldenLine& line : golden) {
    INFO(line.section << ' ' << line.name << ' ' << line.text);
    Decoder decoder;
    const auto decoded = decoder.decode(line.frame);
    REQUIRE(decoded.has_value() == (line.section != "bad"));
    if (!decoded) {
      CHECK(decoded.error().code == ErrorCode::bad_message);
      continue;
    }
    CHECK(message::name_of(message::type_of(*decoded)) == line.name);
    if (line.section == "frame") CHECK(encode(*decoded).bytes() == line.frame);
  }
}

// Prints tests/golden/protocol.txt: unit_tests "[golden]".
TEST_CASE("the golden file as the code has it", "[.golden]") {
  for (const GoldenLine& line : golden_lines()) std::cout << text_of(line) << '\n';
}

TEST_CASE("a float is written as a float, even a whole number") {
  message::ProgressReports reports;
  for (const double done : {0.0, 1.0}) reports.jobs.push_back({id_of(1), 1, done, {}, {}});
  const std::string bytes(encode(reports).bytes());
  CHECK(bytes.find(real(0.0)) != std::string::npos);
  CHECK(bytes.find(real(1.0)) != std::string::npos);
}

TEST_CASE("every cut of every message is refused") {
  for (const message::Message& sample : sample_messages()) {
    const std::string bytes(encode(sample).bytes());
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      Decoder decoder;
      CHECK_FALSE(decoder.decode(bytes.substr(0, length)));
    }
  }
}

TEST_CASE("bytes behind a message are refused") {
  const std::string beat(encode(message::Beat{}).bytes());
  CHECK(error_of(beat + "\xc0") == "bytes after the message");
}

TEST_CASE("a refusal names what was wrong") {
  CHECK(error_of("\xc0") == "a message must be an array of 1");
  CHECK(error_of(std::string("\x90", 1)) == "a message must be an array of 1");
  CHECK(error_of(array_of({"\x63"})) == "unknown message type 99");
  CHECK(error_of(array_of({"\xa1x"})) == "type must be an integer from 0 to 255");
  CHECK(error_of(array_of({"\x20"})) == "CREDIT must be an array of 2");
  CHECK(error_of(array_of({"\x20", "\xff"})) == "credit must be an integer from 0 to 65535");
  CHECK(error_of(array_of({"\x13", "\x91\xa1x"})) == "an id must be 16 bytes of binary");
  CHECK(error_of(array_of({"\x10", "\xc3", "\x91\x91\xc0"})) == "a job must be an array of 5");
  CHECK(error_of("hello, is this HTTP?") == "a message must be an array of 1");
}

TEST_CASE("an unknown job option is refused by name") {
  CHECK(error_of_options({{"color", "\xc3"}}) == "unknown job option 'color'");
}

TEST_CASE("a job option out of its bounds is refused, and the refusal says what would be right") {
  const std::string ms = " must be an integer from 0 to 2147483648000";
  CHECK(error_of_options({{"transient", "\x01"}}) == "transient must be a boolean");
  CHECK(error_of_options({{"priority", "\x0a"}}) == "priority must be an integer from 0 to 9");
  CHECK(error_of_options({{"priority", "\xff"}}) == "priority must be an integer from 0 to 9");
  CHECK(error_of_options({{"retries", "\xff"}}) == "retries must be an integer from 0 to 4294967295");
  CHECK(error_of_options({{"retry_factor", real(0.5)}}) == "retry_factor must be a number from 1 to 100");
  CHECK(error_of_options({{"retry_factor", real(100.5)}}) == "retry_factor must be a number from 1 to 100");
  CHECK(error_of_options({{"retry_factor", real(std::nan(""))}}) == "retry_factor must be a number from 1 to 100");
  CHECK(error_of_options({{"retry_factor", real(HUGE_VAL)}}) == "retry_factor must be a number from 1 to 100");
  CHECK(error_of_options({{"retry_factor", "\xa1x"}}) == "retry_factor must be a number from 1 to 100");
  CHECK(error_of_options({{"retry_jitter", real(-0.1)}}) == "retry_jitter must be a number from 0 to 1");
  for (const char* key : {"delay_ms", "retry_delay_ms", "retry_cap_ms", "expires_in_ms", "soft_limit_ms",
                          "hard_limit_ms", "result_ttl_ms", "unique_for_ms"}) {
    CHECK(error_of_options({{key, "\xff"}}) == key + ms);
    CHECK(error_of_options({{key, "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"}}) == key + ms);
  }
  for (const char* key : {"run_at_ms", "expires_at_ms"}) {
    CHECK(error_of_options({{key, "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"}}) ==
          std::string(key) + " must be an integer from 0 to 253402300799999");
  }
  CHECK(error_of_options({{"acks", "\xa5never"}}) == "acks must be 'early' or 'late'");
  CHECK(error_of_options({{"unique_while", "\xa1x"}}) == "unique_while must be 'queued' or 'unfinished'");
  CHECK(error_of_options({{"unique", text(std::string(513, 'k'))}}) == "unique must have at most 512 bytes");
}

TEST_CASE("headers are bounded in number and bytes, and their names are names") {
  const std::string name = "a header's name must have 1 to 128 bytes of UTF-8 without spaces or control characters";
  CHECK(error_of_options({{"headers", "\x81" + text("a b") + text("x")}}) == name);
  CHECK(error_of_options({{"headers", "\x81" + text("") + text("x")}}) == name);
  CHECK(error_of_options({{"headers", "\x81" + text("a\n") + text("x")}}) == name);
  CHECK(error_of_options({{"headers", "\x81" + text("a") + "\x01"}}) == "a header's value must be a string");
  CHECK(error_of_options({{"headers", "\x81" + text("a") + text(std::string(16'384, 'x'))}}) ==
        "headers must have at most 16384 bytes together");
  std::string many = std::string("\xde\x00\x41", 3);
  for (int i = 0; i < 65; ++i) many += text("h" + std::to_string(i)) + text("");
  CHECK(error_of_options({{"headers", many}}) == "headers must be at most 64");
}

TEST_CASE("options that say the default are as none at all") {
  const auto options = options_of({{"priority", "\x04"},
                                   {"acks", text("late")},
                                   {"retry_factor", "\x02"},
                                   {"delay_ms", std::string(1, '\0')},
                                   {"unique_while", text("unfinished")}});
  CHECK(options == JobOptions{});
  const message::Submission job{id_of(1), "fib", "q", "\x90", options};
  CHECK(encode_entry(job).back() == '\x80');
}

TEST_CASE("an assignment has limits and headers, and unknown options in it are ignored") {
  const message::Assignment assignment{id_of(1), 1, "fib", "q", "\x90", every_option()};
  const std::string bytes(encode(message::Assign{{assignment}}).bytes());
  Decoder decoder;
  const JobOptions read = std::get<message::Assign>(decoder.decode(bytes).value()).jobs[0].options;
  CHECK(read.soft_limit == every_option().soft_limit);
  CHECK(read.hard_limit == every_option().hard_limit);
  CHECK(read.headers == every_option().headers);
  CHECK(read.unique.empty());
  CHECK(read.priority == kDefaultPriority);

  const std::string newer = "\x92\x21\x91\x96" + id_bytes(1) + "\x01" + text("fib") + text("q") +
                            std::string("\xc4\x01\x90", 3) + "\x81" + text("new") + "\x01";
  CHECK(decoder.decode(newer));
}

TEST_CASE("an entry is read back alone, as a store keeps it") {
  const message::Submission job{id_of(1), "fib", "q", "\x90", every_option()};
  const std::string entry = encode_entry(job);
  Decoder decoder;
  const auto read = decoder.decode_submission(entry);
  REQUIRE(read);
  CHECK(read->id == job.id);
  CHECK(read->task == "fib");
  CHECK(read->queue == "q");
  CHECK(read->args == job.args);
  CHECK(read->options == job.options);
  for (std::size_t length = 0; length < entry.size(); ++length)
    CHECK_FALSE(decoder.decode_submission(entry.substr(0, length)));
  CHECK_FALSE(decoder.decode_submission(entry + "\xc0"));

  Outcome outcome{
      JobState::failed, {}, {"zebu::Crash", "SIGSEGV", {"main"}, ErrorKind::crash}, std::chrono::microseconds(7)};
  const std::string report = encode_entry(message::report_of(id_of(2), 3, outcome));
  const auto back = decoder.decode_report(report);
  REQUIRE(back);
  CHECK(back->attempt == 3);
  CHECK(message::outcome_of(*back) == outcome);
}

TEST_CASE("params that a query or command does not know are refused, and bounded like all else") {
  const auto params = [](const std::string& key, const std::string& value) {
    return error_of(array_of({"\x1b", "\x01", text("purge"), "\x81" + text(key) + value}));
  };
  CHECK(params("colour", text("red")) == "unknown param 'colour'");
  CHECK(params("state", text("asleep")) == "unknown state 'asleep'");
  CHECK(params("queue", text("a b")) == "queue must have 1 to 128 bytes of UTF-8 without spaces or control characters");
  CHECK(params("reason", text(std::string(1025, 'x'))) == "reason must have at most 1024 bytes");
  CHECK(params("after", text(std::string(257, 'x'))) == "after must have at most 256 bytes");
  CHECK(params("ids", "\x91\x01") == "an id must be 16 bytes of binary");
  CHECK(params("limit", "\xff") == "limit must be an integer from 0 to 4294967295");
}

TEST_CASE("progress is bounded") {
  const auto progress = [](const std::string& done, const std::string& note, const std::string& output) {
    return error_of("\x92\x27\x91\x97" + id_bytes(1) + "\x01" + done + note + output + "\x07\x01");
  };
  CHECK(progress(real(1.5), text(""), text("")) == "done must be a number from 0 to 1");
  CHECK(progress(real(std::nan("")), text(""), text("")) == "done must be a number from 0 to 1");
  CHECK(progress("\xc0", text(std::string(1025, 'x')), text("")) == "note must have at most 1024 bytes");
  CHECK(progress("\xc0", text(""), text(std::string(65'537, 'x'))) == "output must have at most 65536 bytes");
}

TEST_CASE("what a newer version names is read, and a kind that is no text is not") {
  Decoder decoder;
  const auto outcome = [](const std::string& kind) {
    const std::string error = "\x81" + text("kind") + kind;
    return "\x93\x22\x01\x91\x95" + id_bytes(1) + "\x01" + text("failed") + error + "\x01";
  };
  const std::string moody = outcome(text("mood"));
  const auto report = decoder.decode(moody);
  REQUIRE(report);
  CHECK(std::get<message::OutcomeReport>(*report).jobs.at(0).error.kind == ErrorKind::failure);
  CHECK(error_of(outcome("\x01")) == "kind must be a string");
  const std::string error = array_of({"\x03", text("too_sunny"), text("it is"), "\x80"});
  const auto complaint = decoder.decode(error);
  REQUIRE(complaint);
  CHECK(std::get<message::ErrorReport>(*complaint).code == ErrorCode::other);
  // A job in a state that this version does not know is not finished for it.
  const std::string done = "\x92\x14\x91\x95" + id_bytes(1) + "\x01" + text("archived") + "\xc0\x01";
  const auto unknown_state = decoder.decode(done);
  REQUIRE(unknown_state);
  CHECK(std::get<message::Done>(*unknown_state).jobs.empty());
}

TEST_CASE("a bad entry costs itself only, and what can be read of it is there") {
  const std::string good = "\x95" + id_bytes(1) + text("fib") + text("q") + std::string("\xc4\x01\x90\x80", 4);
  const std::string bad = "\x95" + id_bytes(2) + text("fib") + text("q") + std::string("\xc4\x01\x90", 3) + "\x81" +
                          text("priority") + "\x0a";
  const std::string frame = "\x93\x10\xc3\x94" + good + bad + "\xc0" + good;
  Decoder decoder;
  const auto message = decoder.decode(frame);
  REQUIRE(message);
  const auto& submit = std::get<message::Submit>(*message);
  REQUIRE(submit.jobs.size() == 2);
  CHECK(submit.jobs[0].id == id_of(1));
  REQUIRE(submit.bad.size() == 2);
  CHECK(submit.bad[0].index == 1);
  CHECK(submit.bad[0].id == id_of(2));
  CHECK(submit.bad[0].why == "priority must be an integer from 0 to 9");
  CHECK(submit.bad[1].index == 2);
  CHECK_FALSE(submit.bad[1].id);
  const std::string outcome = "\x95" + id_bytes(3) + "\x02" + text("succeeded") + "\x01\x01";
  const std::string outcomes = std::string("\x93\x22\x00\x91", 4) + outcome;
  const auto reports = decoder.decode(outcomes);
  REQUIRE(reports);
  const auto& entry = std::get<message::OutcomeReport>(*reports).bad.at(0);
  CHECK(entry.id == id_of(3));
  CHECK(entry.attempt == 2);
}

TEST_CASE("the type of a frame that cannot be decoded is seen where there is one") {
  CHECK(type_in(array_of({"\x01", "\xc1"})) == 1);
  CHECK_FALSE(type_in(""));
  CHECK_FALSE(type_in(std::string("\x90\x01", 2)));
  CHECK_FALSE(type_in("GET / HTTP/1.1"));
}

TEST_CASE("another major version is decoded whatever follows, so that its sender can be told") {
  Decoder decoder;
  const std::string frame = array_of({"\x01", "\x09", "\xc0"});
  const auto message = decoder.decode(frame);
  REQUIRE(message);
  CHECK(std::get<message::Hello>(*message).major == 9);
}

TEST_CASE("huge lengths cost nothing but a refusal") {
  CHECK_FALSE(error_of("\xdd\xff\xff\xff\xff").empty());          // an array of 4 G
  CHECK_FALSE(error_of("\x92\x13\xdd\x00\x10\x00\x00").empty());  // a list of 1 M ids, none there
  CHECK_FALSE(error_of("\x92\x13\xc6\xff\xff\xff\xff").empty());  // 4 G of binary
  CHECK_FALSE(error_of("\x92\x13\xdf\xff\xff\xff\xff").empty());  // a map of 4 G
  CHECK_FALSE(error_of(std::string(100'000, '\x91')).empty());    // 100,000 arrays deep
}

TEST_CASE("fields that a newer minor version appends are ignored") {
  Decoder decoder;
  const std::string frame = array_of({"\x20", "\x04", "\xa3new"});
  const auto message = decoder.decode(frame);
  REQUIRE(message);
  CHECK(std::get<message::Credit>(*message).credit == 4);
}

TEST_CASE("a batch is full when an entry more would pass the largest frame") {
  Batch batch(message::Type::accepted);
  CHECK_FALSE(batch.is_full(100, 50));  // one entry always fits: its own size was checked before
  batch.add(id_of(1));
  CHECK(batch.is_full(100, 50));
  CHECK_FALSE(batch.is_full(10, 100));
  const Frame frame = batch.finish();
  CHECK(batch.empty());
  Decoder decoder;
  const std::string bytes(frame.bytes());
  const auto decoded = decoder.decode(bytes);
  REQUIRE(decoded);
  CHECK(std::get<message::Accepted>(*decoded).ids == std::vector<JobId>{id_of(1)});
}

TEST_CASE("an entry takes no more bytes than its wire size says, and not many less") {
  const auto check = [](const Outcome& outcome) {
    AttemptId id{Uuid::make(), 4'000'000'000};
    const std::size_t size = encode_entry(message::report_of(id.job, id.attempt, outcome)).size();
    CHECK(size <= wire_size(outcome));
    CHECK(size + 96 + 5 * outcome.error.trace.size() >= wire_size(outcome));
  };
  check({JobState::cancelled, {}, {}, std::chrono::hours(1'000'000)});
  check({JobState::succeeded, std::string(70'000, 'x'), {}, std::chrono::hours(1'000'000)});
  const std::string text(70'000, 'x');
  const TaskError error{text, text, std::vector<std::string>(100, text), ErrorKind::permanent};
  check({JobState::failed, {}, error, std::chrono::hours(1'000'000)});

  const message::ProgressReport report{Uuid::make(), 4'000'000'000, 0.1, std::string_view(text).substr(0, 1000), text};
  Batch batch(message::Type::progress);
  const std::size_t before = batch.size();
  batch.add(report);
  CHECK(batch.size() - before <= wire_size(report));
}
