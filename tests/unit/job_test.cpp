#include "zebu/job.h"

#include "tests/support/catch.h"
#include "tests/support/document.h"

#include <cmath>
#include <fstream>
#include <sstream>

using namespace zebu;
using namespace std::chrono_literals;
using zebu::test::table_rows;

TEST_CASE("states are spelled and read back") {
  for (int i = 0; i < kJobStates; ++i) {
    const auto state = static_cast<JobState>(i);
    CHECK(job_state_from(to_string(state)) == state);
  }
  CHECK_FALSE(job_state_from("done"));
}

TEST_CASE("the edges between states are those of docs/job-lifecycle.md") {
  // | from \ to | scheduled | queued | … |
  const auto rows = table_rows("docs/job-lifecycle.md", "from \\ to");
  REQUIRE(rows.size() == kJobStates + 1);
  for (int from = 0; from < kJobStates; ++from) {
    const auto& row = rows[static_cast<std::size_t>(from) + 1];
    REQUIRE(row.size() == kJobStates + 1);
    CHECK(row[0] == to_string(static_cast<JobState>(from)));
    for (int to = 0; to < kJobStates; ++to) {
      INFO(row[0] << " → " << rows[0][static_cast<std::size_t>(to) + 1]);
      CHECK(rows[0][static_cast<std::size_t>(to) + 1] == to_string(static_cast<JobState>(to)));
      CHECK((row[static_cast<std::size_t>(to) + 1] == "yes") ==
            may_move(static_cast<JobState>(from), static_cast<JobState>(to)));
    }
  }
}

TEST_CASE("no state follows a final one") {
  for (int from = 0; from < kJobStates; ++from) {
    for (int to = 0; to < kJobStates; ++to) {
      if (is_final(static_cast<JobState>(from))) {
        CHECK_FALSE(may_move(static_cast<JobState>(from), static_cast<JobState>(to)));
      }
    }
  }
}

TEST_CASE("a name is 1 to 128 bytes of UTF-8 without spaces or control characters") {
  CHECK(is_valid_name("fib"));
  CHECK(is_valid_name("images.resize-2"));
  CHECK(is_valid_name("tâche"));
  CHECK(is_valid_name("任务"));
  CHECK(is_valid_name(std::string(128, 'x')));
  CHECK_FALSE(is_valid_name(""));
  CHECK_FALSE(is_valid_name(std::string(129, 'x')));
  CHECK_FALSE(is_valid_name("two words"));
  CHECK_FALSE(is_valid_name("line\n"));
  CHECK_FALSE(is_valid_name(std::string("nul\0", 4)));
  CHECK_FALSE(is_valid_name("\x7f"));
  CHECK_FALSE(is_valid_name("\xc3"));          // cut
  CHECK_FALSE(is_valid_name("\xc0\xaf"));      // overlong
  CHECK_FALSE(is_valid_name("\xed\xa0\x80"));  // a surrogate
  CHECK_FALSE(is_valid_name("\xf4\x90\x80\x80"));
  CHECK_FALSE(is_valid_name("\xff"));
}

TEST_CASE("the kinds of errors are spelled and read back") {
  for (const ErrorKind kind : {ErrorKind::failure, ErrorKind::permanent, ErrorKind::crash}) {
    CHECK(error_kind_from(to_string(kind)) == kind);
  }
  CHECK_FALSE(error_kind_from("mood"));
}

namespace {

// What is wrong with the default options after `change`; empty: nothing.
template <class F>
std::string complaint(F&& change) {
  JobOptions options;
  change(options);
  return why_bad(options).value_or("");
}

}  // namespace

TEST_CASE("good options are good") {
  CHECK(complaint([](JobOptions&) {}).empty());
  CHECK(complaint([](JobOptions& o) {
          o.priority = 9;
          o.retry = {5, 250ms, 1, 60s, 0};
          o.delay = 5s;
          o.expires_at = WallTime(1'700'000'000'000ms);
          o.soft_limit = 1s;
          o.hard_limit = 2s;
          o.result_ttl = 0ms;
          o.unique = std::string(kMaxUnique, 'k');
          o.unique_for = 10s;
          o.headers = {{"traceparent", "00-1-2-01"}};
        }).empty());
  CHECK(complaint([](JobOptions& o) { o.acks_early = true; }).empty());
}

TEST_CASE("options that are out of bounds or contradict each other are named") {
  using O = JobOptions&;
  const WallTime then(1'700'000'000'000ms);
  CHECK(complaint([](O o) { o.priority = 10; }) == "the priority must be from 0 to 9");
  CHECK(complaint([](O o) { o.retry.factor = 0.5; }) == "the retry factor must be from 1 to 100");
  CHECK(complaint([](O o) { o.retry.factor = std::nan(""); }) == "the retry factor must be from 1 to 100");
  CHECK(complaint([](O o) { o.retry.jitter = 1.1; }) == "the retry jitter must be from 0 to 1");
  CHECK(complaint([](O o) {
          o.acks_early = true;
          o.retry.max = 1;
        }) == "acks early runs at most once, so it cannot have retries");
  CHECK(complaint([](O o) { o.delay = -1ms; }) == "the delay cannot be negative, and at most 2147483648 s");
  CHECK(complaint([](O o) { o.delay = kMaxDuration + 1ms; }) ==
        "the delay cannot be negative, and at most 2147483648 s");
  CHECK(complaint([&](O o) {
          o.delay = 1s;
          o.run_at = then;
        }) == "give a delay or a time to run at, not both");
  CHECK(complaint([&](O o) {
          o.expires_in = 1s;
          o.expires_at = then;
        }) == "give a time to expire in or one to expire at, not both");
  CHECK(complaint([](O o) { o.run_at = WallTime(-1ms); }) == "a time must be between the years 1970 and 9999");
  CHECK(complaint([](O o) { o.soft_limit = 0ms; }) == "the soft limit must be at least 1 ms, and at most 2147483648 s");
  CHECK(complaint([](O o) { o.hard_limit = 0ms; }) == "the hard limit must be at least 1 ms, and at most 2147483648 s");
  CHECK(complaint([](O o) { o.expires_in = 0ms; }) ==
        "the time to expire in must be at least 1 ms, and at most 2147483648 s");
  CHECK(complaint([](O o) { o.soft_limit = o.hard_limit = 1s; }) == "the soft limit must be below the hard limit");
  CHECK(complaint([](O o) { o.unique = std::string(513, 'k'); }) == "the unique key has more than 512 bytes");
  CHECK(complaint([](O o) { o.unique_for = 1s; }) == "a time that a unique key is held needs a unique key");
  CHECK(complaint([](O o) { o.unique_while = UniqueWhile::queued; }) == "unique while queued needs a unique key");
  CHECK(complaint([](O o) {
          o.unique = "k";
          o.unique_while = UniqueWhile::queued;
          o.unique_for = 1s;
        }) == "a key that is unique while queued cannot be held after success");
  CHECK(complaint([](O o) { o.headers = std::vector<Header>(65, {"a", ""}); }) == "more than 64 headers");
  CHECK(complaint([](O o) { o.unique = "k\xff"; }) == "the unique key must be UTF-8");
  CHECK(complaint([](O o) { o.headers = {{"a", "\xff"}}; }) == "the value of the header 'a' must be UTF-8");
  CHECK(complaint([](O o) { o.headers = {{"a", "1"}, {"a", "2"}}; }) == "the header 'a' is given twice");
  CHECK(complaint([](O o) {
          o.headers = {{"a", std::string(16'384, 'x')}};
        }) == "headers of more than 16384 bytes together");
  CHECK(complaint([](O o) {
          o.headers = {{"a\n", "x"}};
        }) == "a header's name must have 1 to 128 bytes of UTF-8 without spaces or control characters");
}

TEST_CASE("equal calls have equal keys, others do not") {
  const std::string key = unique_key_of("fib", "\x91\x1e");
  CHECK(key == unique_key_of("fib", "\x91\x1e"));
  CHECK(key != unique_key_of("fib", "\x91\x1f"));
  CHECK(key != unique_key_of("fi", "b\x91\x1e"));
  CHECK(key.rfind("args:fib:", 0) == 0);
  CHECK(key == "args:fib:92524937-6c03-549c-bb7b-0c416b9f86b6");  // it is kept in stores: it may not change
  CHECK(unique_key_of(std::string(kMaxName, 't'), std::string(1 << 20, 'a')).size() <= kMaxUnique);
}
