#include "broker/records/list_place.h"
#include "tests/support/catch.h"
#include "tests/support/store_fixture.h"

#include <algorithm>

namespace zebu::broker {

using namespace zebu::test;

// What every store must do: each test runs on every kind. store_outcomes_test.cpp has the rest.
#define EVERY_STORE StoreUnderTest store(GENERATE(Catch::Generators::from_range(kStoreKinds)))

namespace {

std::vector<JobId> ids_of(const std::vector<StoredJob>& jobs) {
  std::vector<JobId> ids;
  for (const StoredJob& one : jobs) ids.push_back(one.spec->id);
  return ids;
}

std::vector<LineName> lines_of(Recovered recovered) {
  std::sort(recovered.lines.begin(), recovered.lines.end());
  return std::move(recovered.lines);
}

}  // namespace

TEST_CASE("a store gives back a job with all that its submitter said") {
  EVERY_STORE;
  JobSpec spec = job(7);
  spec.args = std::string(100'000, 'a');
  spec.due = at_second(1500);
  spec.expires = at_second(1600);
  spec.options.priority = 9;
  spec.options.retry = {3, std::chrono::milliseconds(5), 1.5, std::chrono::milliseconds(77), 0.25};
  spec.options.acks_early = true;
  spec.options.soft_limit = std::chrono::milliseconds(1);
  spec.options.hard_limit = std::chrono::milliseconds(2);
  spec.options.result_ttl = std::chrono::milliseconds(3);
  spec.options.unique = "key";
  spec.options.unique_while = UniqueWhile::queued;
  spec.options.headers = {{"traceparent", "00-1"}, {"a", ""}};
  store.commit({JobAccepted{shared(spec)}});
  (void)store.reopen();
  const auto found = store.find(spec.id);
  REQUIRE(found);
  CHECK(found->spec->args == spec.args);
  CHECK(found->spec->options == spec.options);
  CHECK(found->spec->submitted == spec.submitted);
  CHECK(found->spec->due == spec.due);
  CHECK(found->spec->expires == spec.expires);
  CHECK(found->spec->sequence == 7);
  CHECK(found->state == JobState::scheduled);
  CHECK(found->due == at_second(1500));
}

TEST_CASE("a look-up gives no more after a page of bytes, and always one job") {
  EVERY_STORE;
  std::vector<JobId> ids;
  for (const std::size_t bytes : {1000UL, kPageBytes / 2, 2 * kPageBytes, 1000UL}) {
    JobSpec spec = job(ids.size() + 1);
    spec.args = std::string(bytes, 'a');
    ids.push_back(spec.id);
    store.commit({JobAccepted{shared(std::move(spec))}});
  }
  const auto found = [&](std::vector<JobId> asked) { return store->find(asked).value().size(); };
  CHECK(found(ids) == 3);
  CHECK(found({ids[2], ids[3]}) == 1);
  CHECK(found({ids[3], Uuid::make(), ids[0]}) == 3);

  const auto shown = store->find_to_show({ids[0], ids[2]}).value();
  CHECK(shown[0].value().spec->args.size() == 1000);
  CHECK(shown[1].value().spec->args.size() + shown[1]->args_left_out == 2 * kPageBytes);
}

TEST_CASE("recovery gives what ran and what was queued and not in line, and no other job") {
  EVERY_STORE;
  const SharedSpec queued = shared_job(1), running = shared_job(2), in_line = shared_job(3), done = shared_job(4);
  JobSpec later = job(5);
  later.due = at_second(1500);
  const InstanceId holder = Uuid::make();
  store.commit({JobAccepted{queued}, JobAccepted{running}, JobAccepted{in_line, true}, JobAccepted{done},
                JobAccepted{shared(later)}});
  store.commit({AttemptStarted{running, 2, holder}, finished(done)});
  store.commit({AttemptStarted{running, 2, holder, true}});
  const Recovered recovered = store.reopen();
  REQUIRE(ids_of(recovered.jobs).size() == 2);
  for (const StoredJob& one : recovered.jobs) {
    const bool ran = one.spec->id == running->id;
    CHECK((ran || one.spec->id == queued->id));
    CHECK(one.state == (ran ? JobState::running : JobState::queued));
    CHECK(one.uses.attempt == (ran ? 2 : 0));
    CHECK(one.holder == (ran ? std::optional(holder) : std::nullopt));
    CHECK(one.cancel_asked == ran);
  }
  CHECK(recovered.next_sequence == 6);
  CHECK(recovered.counts == std::array<std::uint64_t, kJobStates>{1, 2, 1, 1, 0, 0, 0});
  REQUIRE(recovered.queues.size() == 1);
  CHECK(recovered.queues[0].queued == 2);
  CHECK(recovered.queues[0].scheduled == 1);
  CHECK(recovered.queues[0].bytes == queued->size() + in_line->size() + later.size());
}

TEST_CASE("a commit may hold a job's whole life") {
  EVERY_STORE;
  const SharedSpec spec = shared_job(1);
  const Uses uses{2, 1, 0, 0};
  store.commit({JobAccepted{spec}, AttemptStarted{spec, 1, Uuid::make()},
                JobRescheduled{spec, Uses{1, 1, 0, 0}, at_second(1100), failed()}, JobDue{spec, true},
                AttemptStarted{spec, 2, Uuid::make()}, JobFinished{spec, uses, succeeded(), at_second(1200), {}}});
  CHECK(store.queued().empty());
  const auto found = store.find(spec->id);
  CHECK(found->state == JobState::succeeded);
  CHECK(found->uses == uses);
  CHECK(*found->outcome == *succeeded());
  CHECK(found->finished == at_second(1200));
  CHECK(store.reopen().jobs.empty());
}

TEST_CASE("an id that the store has is a duplicate, and the first job stays as it is") {
  EVERY_STORE;
  const SharedSpec first = shared_job(1);
  JobSpec again = *first;
  again.sequence = 2;
  again.task = "other";
  const SharedSpec second = shared(again);
  store.commit({JobAccepted{first}, AttemptStarted{first, 1, Uuid::make()}});
  const auto duplicates = store.commit({JobAccepted{second}, JobFinished{second, {}, cancelled(), at_second(2), {}}});
  REQUIRE(duplicates.size() == 1);
  CHECK(duplicates[0].spec == second);
  CHECK(duplicates[0].of == first->id);
  CHECK(store.find(first->id)->state == JobState::running);
  CHECK(store.find(first->id)->spec->task == "fib");
}

TEST_CASE("jobs leave the line by priority, then by age, when a record takes them out") {
  EVERY_STORE;
  std::vector<SharedSpec> specs;
  std::vector<Record> records;
  for (const int priority : {4, 9, 4, 0, 9}) {
    JobSpec spec = job(specs.size() + 1);
    spec.options.priority = static_cast<std::uint8_t>(priority);
    specs.push_back(shared(spec));
    records.push_back(JobAccepted{specs.back(), true});
  }
  store.commit(records);
  const std::vector<JobId> order = {specs[1]->id, specs[4]->id, specs[0]->id, specs[2]->id, specs[3]->id};
  CHECK(store.queued() == order);
  CHECK(store.queued("other").empty());
  const LineKey from = line_key(*specs[4]);
  CHECK(ids_of(*store->load_queued({"default", "fib", ""}, from, 2, 1U << 20)) ==
        std::vector<JobId>{order[1], order[2]});
  CHECK(store->load_queued({"default", "fib", ""}, {}, 10, specs[1]->size() + 1)->size() == 2);

  (void)store.reopen();
  store.commit({AttemptStarted{specs[1], 1, Uuid::make()}, finished(specs[0]),
                JobRescheduled{specs[3], Uses{1, 1, 0, 0}, at_second(5), failed()}});
  CHECK(store.queued() == std::vector<JobId>{order[1], order[3]});
}

TEST_CASE("a job that is evicted is in line, also when it was put back before") {
  EVERY_STORE;
  const SharedSpec spec = shared_job(1);
  const Uses uses{1, 0, 0, 1};
  store.commit({JobAccepted{spec}, AttemptStarted{spec, 1, Uuid::make()}});
  store.commit({JobPutBack{spec, uses}});
  CHECK(store.reopen().jobs.size() == 1);
  store.commit({JobEvicted{spec}});
  CHECK(store.reopen().jobs.empty());
  const auto line = *store->load_queued({"default", "fib", ""}, {}, 10, 1U << 20);
  REQUIRE(line.size() == 1);
  CHECK(line[0].uses == uses);
  CHECK(line[0].state == JobState::queued);
  store.commit({JobPutBack{spec, Uses{2, 0, 0, 2}}});
  CHECK(store->load_queued({"default", "fib", ""}, {}, 10, 1U << 20)->at(0).uses.losses == 2);
}

TEST_CASE("scheduled jobs come by their time, with the error of their last attempt") {
  EVERY_STORE;
  JobSpec later = job(1);
  later.due = at_second(1500);
  const SharedSpec first = shared(later), second = shared_job(2);
  store.commit({JobAccepted{first}, JobAccepted{second}, AttemptStarted{second, 1, Uuid::make()},
                JobRescheduled{second, Uses{1, 1, 0, 0}, at_second(1400), failed()}});
  (void)store.reopen();
  const auto both = *store->load_scheduled({}, 10, 1U << 20);
  REQUIRE(ids_of(both) == std::vector<JobId>{second->id, first->id});
  CHECK(both[0].state == JobState::scheduled);
  CHECK(both[0].due == at_second(1400));
  CHECK(*both[0].outcome == *failed());
  CHECK(both[1].due == at_second(1500));
  CHECK(store->load_scheduled({at_second(1400), 3}, 10, 1U << 20)->size() == 1);
  store.commit({JobDue{second}, JobDue{first, true}});
  CHECK(store->load_scheduled({}, 10, 1U << 20)->empty());
  CHECK(store.queued() == std::vector<JobId>{first->id});
  CHECK(store.find(first->id)->state == JobState::queued);
  const Recovered recovered = store.reopen();
  REQUIRE(ids_of(recovered.jobs) == std::vector<JobId>{second->id});
  CHECK(recovered.jobs[0].uses.failures == 1);
  CHECK_FALSE(recovered.jobs[0].outcome);
}

TEST_CASE("jobs that wait in the store and are past their time are found") {
  EVERY_STORE;
  std::vector<SharedSpec> specs;
  for (const std::int64_t expires : {1100, 1200, 1300}) {
    JobSpec spec = job(specs.size() + 1);
    spec.expires = at_second(expires);
    if (expires == 1200) spec.due = at_second(1250);
    specs.push_back(shared(spec));
    store.commit({JobAccepted{specs.back(), true}});
  }
  (void)store.reopen();
  CHECK(store->load_expired(at_second(1099), 10, {})->empty());
  CHECK(ids_of(*store->load_expired(at_second(1200), 10, {})) == std::vector<JobId>{specs[0]->id, specs[1]->id});
  CHECK(store->load_expired(at_second(1300), 1, {})->size() == 1);
  store.commit({finished(specs[0], cancelled()), JobDue{specs[1]}, AttemptStarted{specs[2], 1, Uuid::make()}});
  CHECK(store->load_expired(at_second(1300), 10, {})->empty());
}

TEST_CASE("a page of a list ends after a MiB of jobs, results and errors") {
  StoreUnderTest store(GENERATE(from_range(kStoreKinds)));
  for (std::uint64_t sequence = 1; sequence <= 7; ++sequence) {
    const SharedSpec spec = shared_job(sequence);
    store.commit({JobAccepted{spec}});
    store.commit({finished(spec, failed(std::string(250'000, 'x')))});
  }
  ListFilter filter;
  std::vector<std::size_t> pages;
  do {
    const ListPage page = *store->list(filter);
    pages.push_back(page.jobs.size());
    filter.after = page.next;
  } while (!filter.after.empty());
  CHECK(pages == std::vector<std::size_t>{5, 2});
}

TEST_CASE("a list has the newest jobs first, by state, queue and task, page by page") {
  EVERY_STORE;
  std::vector<SharedSpec> specs;
  std::vector<Record> records;
  for (std::uint64_t i = 1; i <= 6; ++i) {
    JobSpec spec = job(i);
    spec.queue = i % 2 == 0 ? "even" : "odd";
    spec.task = i <= 3 ? "low" : "high";
    specs.push_back(shared(spec));
    records.push_back(JobAccepted{specs.back(), i == 5});
  }
  records.push_back(finished(specs[0], failed()));
  records.push_back(finished(specs[3], failed()));
  store.commit(records);
  const auto list = [&](ListFilter filter) { return ids_of(store->list(filter)->jobs); };
  CHECK(list({}).size() == 6);
  CHECK(list({JobState::failed, "", "", "", 10}) == std::vector<JobId>{specs[3]->id, specs[0]->id});
  CHECK(list({JobState::failed, "odd", "", "", 10}) == std::vector<JobId>{specs[0]->id});
  CHECK(list({{}, "even", "high", "", 10}) == std::vector<JobId>{specs[5]->id, specs[3]->id});
  CHECK(list({{}, "", "", "no place in any list", 10}).empty());
  std::vector<JobId> all;
  ListFilter filter{{}, "", "", "", 4};
  do {
    const ListPage page = *store->list(filter);
    for (const JobId& id : ids_of(page.jobs)) all.push_back(id);
    filter.after = page.next;
  } while (!filter.after.empty());
  CHECK(all == list({}));
}

TEST_CASE("a list is in the order of acceptance, whatever time the ids name") {
  EVERY_STORE;
  const auto id_at = [](std::int64_t second, std::uint8_t number) {
    Uuid id;
    const std::int64_t ms = second * 1000;
    for (std::size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
    id.bytes[6] = 0x70;
    id.bytes[15] = number;
    return id;
  };
  // Accepted one a second; every third submitter's clock is years ahead or behind, or its ids have no time.
  std::vector<JobId> accepted;
  for (int i = 0; i < 30; ++i) {
    JobSpec spec = job(static_cast<std::uint64_t>(i + 1));
    const std::int64_t now = 10'000'000 + i;
    const auto number = static_cast<std::uint8_t>(i);
    spec.id = id_at(i % 6 == 0 ? 4'000'000'000 : i % 3 == 0 ? 1000 : now, number);
    if (i % 12 == 0) spec.id.bytes[6] = 0x40;
    spec.listed_at = listed_at(spec.id, at_second(now));
    CHECK(spec.listed_at.has_value() == (i % 3 == 0));
    accepted.insert(accepted.begin(), spec.id);
    store.commit({JobAccepted{shared(spec), i % 2 == 0}});
  }
  ListFilter filter;
  filter.limit = GENERATE(1U, 4U, 100U);
  std::vector<JobId> listed;
  do {
    const ListPage page = *store->list(filter);
    for (const StoredJob& job : page.jobs) listed.push_back(job.spec->id);
    filter.after = page.next;
  } while (!filter.after.empty());
  CHECK(listed == accepted);
  for (const char* nonsense : {"/", "12", "12/", "/12", "-1/3", "1/2/3", "x"}) {
    filter.after = nonsense;
    CHECK(store->list(filter)->jobs.empty());
  }
}

TEST_CASE("queues' settings and consumers are remembered until they are taken back") {
  EVERY_STORE;
  const QueueSettings paused{"a", true, "lunch", {}};
  const QueueSettings purging{"b", false, "", 17};
  const InstanceId one = Uuid::make(), two = Uuid::make();
  store.commit(
      {QueueChanged{paused}, QueueChanged{purging}, ConsumerChanged{one, true}, ConsumerChanged{two, true, true}});
  Recovered recovered = store.reopen();
  CHECK(recovered.settings.size() == 2);
  CHECK(recovered.consumers.size() == 2);
  store.commit({QueueChanged{{"b", false, "", {}}}, ConsumerChanged{one, false}});
  recovered = store.reopen();
  CHECK(recovered.settings == std::vector<QueueSettings>{paused});
  CHECK(recovered.consumers == std::vector<KnownConsumer>{{two, true}});
}

TEST_CASE("who paused a queue is kept with the pause") {
  EVERY_STORE;
  QueueSettings paused{"a", true, "lunch", {}};
  paused.paused_by = QueueSettings::Pauser{"ann", at_second(77)};
  store.commit({QueueChanged{paused}});
  CHECK(store.reopen().settings == std::vector<QueueSettings>{paused});
}

TEST_CASE("keyword arguments, privacy, causes and attempts are kept with the job") {
  EVERY_STORE;
  JobSpec given = job(1);
  given.kwargs = std::string("\x81\xa1n\x05");
  given.options.is_private = true;
  const SharedSpec spec = shared(given);
  const LastAttempt at{at_second(10), std::make_shared<const std::string>("ox-1")};
  TaskError error{"Boom", "it broke", {}, ErrorKind::failure};
  error.details.need().cause = TaskError{"net.Down", "the cable", {"f"}};
  error.details.need().retry_after = std::chrono::milliseconds(250);
  const auto ended = std::make_shared<const Outcome>(Outcome::failed(error));
  const AttemptLog one = with(nullptr, attempt_record(1, AttemptEnd::failed, at, at_second(12), ended.get()));
  const AttemptLog two = with(one, {2, AttemptEnd::lost, at_second(20), at_second(21), {}, "", "", ""});
  const InstanceId holder = Uuid::make();

  store.commit({JobAccepted{spec, false}, AttemptStarted{spec, 1, holder, false, at, nullptr}});
  StoredJob stored = *store.find(spec->id);
  CHECK(stored.spec->keywords() == "\x81\xa1n\x05");
  CHECK(stored.spec->options.is_private);
  REQUIRE(stored.last.consumer);
  CHECK(*stored.last.consumer == "ox-1");
  CHECK(stored.last.started == at_second(10));
  CHECK(stored.holder == holder);

  store.commit({JobRescheduled{spec, {1, 1, 0, 0}, at_second(30), ended, one}});
  (void)store.reopen();
  stored = *store.find(spec->id);
  CHECK_FALSE(stored.last.consumer);
  REQUIRE(stored.earlier);
  CHECK(*stored.earlier == *one);
  CHECK(*stored.outcome == *ended);

  store.commit({JobDue{spec, false}, AttemptStarted{spec, 2, holder, true, at, one}});
  CHECK(store.find(spec->id)->cancel_asked);
  store.commit({JobPutBack{spec, {2, 1, 0, 1}, true, two}});
  (void)store.reopen();
  CHECK(*store.find(spec->id)->earlier == *two);
  store.commit({AttemptStarted{spec, 3, holder, false, at, one}});  // the second was not lost
  CHECK(*store.find(spec->id)->earlier == *one);

  store.commit({JobFinished{spec, {3, 1, 0, 0}, ended, at_second(50), at_second(9000), at, two}});
  (void)store.reopen();
  stored = *store.find(spec->id);
  CHECK(stored.state == JobState::failed);
  CHECK(*stored.earlier == *two);
  CHECK(*stored.last.consumer == "ox-1");
  CHECK(*stored.outcome == *ended);
}

TEST_CASE("each task of a queue has a line of its own, in its own order") {
  EVERY_STORE;
  std::vector<SharedSpec> specs;
  std::vector<Record> records;
  for (const int priority : {4, 9, 4, 9, 0, 4}) {
    JobSpec spec = job(specs.size() + 1);
    spec.task = specs.size() % 2 == 0 ? "fib" : "echo";
    spec.options.priority = static_cast<std::uint8_t>(priority);
    specs.push_back(shared(spec));
    records.push_back(JobAccepted{specs.back(), true});
  }
  store.commit(records);
  const auto line = [&](const std::string& task, LineKey from = {}, std::size_t limit = 10) {
    return ids_of(*store->load_queued({"default", task, ""}, from, limit, 1U << 20));
  };
  for (int starts = 0; starts < 2; ++starts) {
    CHECK(line("fib") == std::vector<JobId>{specs[0]->id, specs[2]->id, specs[4]->id});
    CHECK(line("echo") == std::vector<JobId>{specs[1]->id, specs[3]->id, specs[5]->id});
    CHECK(line("fib", line_key(*specs[2])) == std::vector<JobId>{specs[2]->id, specs[4]->id});
    CHECK(line("echo", {}, 1) == std::vector<JobId>{specs[1]->id});
    CHECK(line("sleep").empty());
    CHECK(store->load_queued({"default", "fib", "a key"}, {}, 10, 1U << 20)->empty());
    (void)store.reopen();
  }
  store.commit({AttemptStarted{specs[1], 1, Uuid::make()}, finished(specs[4], cancelled())});
  CHECK(line("fib") == std::vector<JobId>{specs[0]->id, specs[2]->id});
  CHECK(line("echo") == std::vector<JobId>{specs[3]->id, specs[5]->id});
}

TEST_CASE("recovery names the lines that have jobs, and no other") {
  EVERY_STORE;
  const auto in = [](std::uint64_t sequence, const std::string& queue, const std::string& task) {
    JobSpec spec = job(sequence);
    spec.queue = queue;
    spec.task = task;
    return shared(std::move(spec));
  };
  const SharedSpec one = in(1, "a", "fib"), two = in(2, "a", "echo"), three = in(3, "b", "fib"),
                   four = in(4, "b", "fib");
  const SharedSpec resident = in(5, "c", "fib");
  store.commit({JobAccepted{one, true}, JobAccepted{two, true}, JobAccepted{three, true}, JobAccepted{four, true},
                JobAccepted{resident}});
  const LineName a_fib{"a", "fib", ""}, a_echo{"a", "echo", ""}, b_fib{"b", "fib", ""};
  CHECK(lines_of(store.reopen()) == std::vector<LineName>{a_echo, a_fib, b_fib});
  store.commit({AttemptStarted{one, 1, Uuid::make()}, finished(three)});
  CHECK(lines_of(store.reopen()) == std::vector<LineName>{a_echo, b_fib});
  store.commit({finished(two), finished(four, cancelled())});
  CHECK(lines_of(store.reopen()).empty());
  store.commit({JobPutBack{one, Uses{1, 0, 0, 1}}, JobEvicted{one}});
  CHECK(lines_of(store.reopen()) == std::vector<LineName>{a_fib});
  CHECK(ids_of(*store->load_queued(a_fib, {}, 10, 1U << 20)) == std::vector<JobId>{one->id});
}

}  // namespace zebu::broker
