#include "support/catch.h"
#include "support/document.h"

#include <zebu/job.h>

#include <fstream>
#include <sstream>

using namespace zebu;
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
