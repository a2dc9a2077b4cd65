#include "broker/store/sqlite/codes.h"
#include "broker/store/sqlite/record_order.h"
#include "broker/store/sqlite/rows.h"
#include "tests/support/catch.h"
#include "tests/support/store_fixture.h"

namespace zebu::broker {

using namespace zebu::test;

namespace {

template <class R>
concept HasPlaceInCommit = requires {
  needs(std::type_identity<R>{});
};
struct NewRecord {
  SharedSpec spec;
};
static_assert(HasPlaceInCommit<JobAccepted>);
static_assert(!HasPlaceInCommit<NewRecord>, "a new type of record must not compile before its place is decided");

}  // namespace

TEST_CASE("a state's number in the store's rows stays what it is") {
  CHECK(code_of(JobState::scheduled) == 1);
  CHECK(code_of(JobState::queued) == 2);
  CHECK(code_of(JobState::running) == 3);
  CHECK(code_of(JobState::succeeded) == 4);
  CHECK(code_of(JobState::failed) == 5);
  CHECK(code_of(JobState::cancelled) == 6);
  CHECK(code_of(JobState::expired) == 7);
  for (int state = 0; state < kJobStates; ++state) {
    CHECK(state_of_code(code_of(static_cast<JobState>(state))) == static_cast<JobState>(state));
  }
  JobStatus status;
  status.state = JobState::expired;
  status.finished = WallTime{};
  CHECK(encode_status(Uuid::make(), status).front() == 7);
  Counters counters;
  counters.next_sequence = 9;
  for (const StateCode& one : kStateCodes) counters.counts[static_cast<std::size_t>(one.state)] = one.code;
  CHECK(encode_counters(counters) == "\x09\x01\x02\x03\x04\x05\x06\x07");
  CHECK(decode_counters(encode_counters(counters)) == counters);
}

TEST_CASE("a row whose state has an unknown number is damaged") {
  std::string row = encode_status(Uuid::make(), JobStatus{});
  CHECK(RowReader::status_only(row).state == JobState::queued);
  for (const int code : {0, 8, 255}) {
    row[0] = static_cast<char>(code);
    REQUIRE_THROWS_AS(RowReader::status_only(row), StoreDamage);
    try {
      (void)RowReader::status_only(row);
    } catch (const StoreDamage& damage) {
      CHECK(std::string(damage.what()) == "a job's state has the unknown number " + std::to_string(code));
    }
  }
}

}  // namespace zebu::broker
