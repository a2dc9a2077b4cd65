#include "broker/engine/peers/claims.h"

#include "tests/support/catch.h"
#include "tests/support/store_fixture.h"

namespace zebu::broker {

using zebu::test::spec_with;

TEST_CASE("claims: a consumer keeps the newest attempt that it was given, and no other") {
  const InstanceId mine = Uuid::make();
  const InstanceId other = Uuid::make();
  Claims claims;
  claims.restored_below(10);
  Job job;
  job.spec = spec_with(5);
  job.uses.attempt = 2;
  job.holder = mine;
  job.state = JobState::running;
  SECTION("its own") {
    job.session = 7;
    CHECK(claims.may_keep(job, {mine, false}, 2));
    CHECK_FALSE(claims.may_keep(job, {mine, false}, 1));
    CHECK_FALSE(claims.may_keep(job, {other, false}, 2));
    CHECK_FALSE(claims.may_keep(job, {other, false}, 3));  // a newer attempt, while another session has the job
  }
  SECTION("one that no record told of before a restart") {
    job.state = JobState::queued;
    CHECK(claims.may_keep(job, {other, false}, 3));
    CHECK_FALSE(claims.may_keep(job, {other, true}, 3));
    job.spec = spec_with(10);  // of a job that came since
    CHECK_FALSE(claims.may_keep(job, {other, false}, 3));
  }
  SECTION("not of a job that is finished, fresh or waits for its time") {
    for (const JobState state : {JobState::succeeded, JobState::failed, JobState::scheduled}) {
      job.state = state;
      CHECK_FALSE(claims.may_keep(job, {mine, false}, 2));
    }
    job.state = JobState::queued;
    job.place = Place::fresh;
    CHECK_FALSE(claims.may_keep(job, {mine, false}, 2));
  }
}

TEST_CASE("claims: attempts go on behind those that were refused, until their session ends") {
  Claims claims;
  Job job;
  job.spec = spec_with(1);
  job.uses.attempt = 1;
  claims.refuse({3, {job.spec->id, 4}});
  CHECK(claims.skip_strays(job));
  CHECK(job.uses.attempt == 4);
  claims.session_ended(3);
  CHECK_FALSE(claims.skip_strays(job));
}

TEST_CASE("claims: the restart's wait lasts until all claims are decided") {
  Claims claims;
  CHECK_FALSE(claims.has_open());
  claims.asked();
  CHECK(claims.has_open());
  claims.answered();
  claims.too_early({1, {}});
  CHECK(claims.has_open());
  CHECK(claims.take_early().size() == 1);
  CHECK_FALSE(claims.has_open());
}

}  // namespace zebu::broker
