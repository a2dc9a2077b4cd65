#include "broker/engine/life/unique_keys.h"

#include "tests/support/catch.h"
#include "tests/support/store_fixture.h"

namespace zebu::broker {

TEST_CASE("unique keys: the newest job has a key, and an older one does not take it along") {
  TransientKeys keys;
  const JobId first = Uuid::make();
  const JobId second = Uuid::make();
  CHECK_FALSE(keys.holder("k"));
  keys.take("k", first);
  keys.take("k", second);
  keys.release("k", first);
  CHECK(keys.holder("k") == second);
  keys.release("k", second);
  CHECK_FALSE(keys.holder("k"));
  for (int i = 0; i < 2000; ++i) keys.take(std::to_string(i), first);
  keys.tidy(0, [](const JobId&) { return false; });
  CHECK_FALSE(keys.holder("1"));
}

TEST_CASE("failed jobs: one that is retried with a key stays until the store has said who has the key") {
  FailedJobs failed_jobs;
  StoredJob failed;
  failed.spec = zebu::test::shared_job(1);
  const JobId fresh = Uuid::make();
  CHECK(failed_jobs.may_retry(failed.spec->id));
  failed_jobs.retry_with_key(failed, fresh);
  CHECK_FALSE(failed_jobs.may_retry(failed.spec->id));
  CHECK(failed_jobs.settled(fresh)->spec->id == failed.spec->id);
  CHECK_FALSE(failed_jobs.settled(fresh));
  CHECK(failed_jobs.may_retry(failed.spec->id));
  CHECK(failed_jobs.forget(failed.spec->id, 3));
  CHECK_FALSE(failed_jobs.forget(failed.spec->id, 4));
  CHECK_FALSE(failed_jobs.dropped(failed.spec->id));
  failed_jobs.settle([](BatchNumber batch) { return batch <= 3; });
  CHECK(failed_jobs.dropped(failed.spec->id));
}

}  // namespace zebu::broker
