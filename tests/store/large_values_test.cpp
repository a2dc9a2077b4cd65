#include "broker/store/maintenance.h"
#include "broker/store/sqlite/file_layer.h"
#include "broker/store/sqlite/store.h"
#include "tests/support/catch.h"
#include "tests/support/store_fixture.h"
#include "tests/support/text.h"

#include <random>

using namespace zebu;
using namespace zebu::broker;
using namespace zebu::test;

namespace {

constexpr std::size_t kSize = 5 * kLargeValue + 7;

std::string random_bytes(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// A store in a file, and a look into the file.
struct File {
  TempDir dir;
  std::string path = dir.path() / "zebu.db";
  std::unique_ptr<SqliteStore> store;
  Recovered recovered;

  File() { open(); }
  void open() {
    store.reset();
    SqliteOptions options;
    options.path = path;
    store = std::move(*SqliteStore::open(options));
    recovered = std::move(*store->recover());
  }
  std::vector<Duplicate> commit(const std::vector<Record>& records) const { return store->commit(records).value(); }
  void tidy(int times) const {
    for (int i = 0; i < times; ++i) {
      store->tidy();
      (void)commit({});
    }
  }
  std::int64_t count(const std::string& table) const {
    SQLite::Database database(path, SQLite::OPEN_READWRITE, 1000, file_layer(""));
    return database.execAndGet("SELECT count(*) FROM " + table).getInt64();
  }
  std::optional<StoredJob> find(const JobId& id) const { return store->find({id}).value().front(); }
  std::string check() {
    store.reset();
    const auto checked = check_store(path);
    return checked ? *checked : checked.error().message;
  }
};

SharedSpec large_job(std::uint64_t sequence, std::size_t size = kSize) {
  JobSpec spec = job(sequence);
  spec.args = random_bytes(size, static_cast<unsigned>(sequence));
  return shared(spec);
}

std::vector<Record> pieces(const ValueName& name, const std::string& value, std::size_t count) {
  const auto whole = std::make_shared<const std::string>(value);
  std::vector<Record> records;
  const std::size_t size = value.size() / count;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t offset = i * size;
    const std::size_t bytes = i + 1 == count ? value.size() - offset : size;
    records.emplace_back(ValuePiece{name, std::string_view(*whole).substr(offset, bytes), whole});
  }
  return records;
}

}  // namespace

TEST_CASE("large arguments and a large result come in pieces, and are read back whole") {
  File file;
  const SharedSpec spec = large_job(1);
  const SharedSpec small = shared_job(2);
  std::vector<Record> parts = pieces({spec->id, 0}, spec->args, 4);
  for (std::size_t i = 0; i < 3; ++i) file.commit({parts[i]});
  CHECK_FALSE(file.find(spec->id));
  file.commit({parts[3], JobAccepted{spec}, ValueClosed{{spec->id, 0}}, JobAccepted{small}});
  CHECK(file.find(spec->id)->spec->args == spec->args);

  file.open();
  REQUIRE(file.recovered.jobs.size() == 2);
  CHECK(file.recovered.queues.front().bytes == spec->size() + small->size());
  const auto is_it = [&](const StoredJob& each) { return each.spec->id == spec->id && each.spec->args == spec->args; };
  CHECK(std::any_of(file.recovered.jobs.begin(), file.recovered.jobs.end(), is_it));

  const std::string result = random_bytes(kSize, 7);
  file.commit({AttemptStarted{spec, 1, Uuid::make()}});
  for (const Record& part : pieces({spec->id, 1}, result, 3)) file.commit({part});
  JobFinished end = finished(spec, succeeded(result));
  end.uses.attempt = 1;
  file.commit({end, ValueClosed{{spec->id, 1}}});
  file.open();
  const auto found = file.find(spec->id);
  REQUIRE(found);
  CHECK(found->spec->args == spec->args);
  CHECK(found->outcome->result == result);
  CHECK(file.count("piece") == 7);
  CHECK(file.count("loose_value") == 0);
  CHECK(has(file.check(), "is whole: 2 jobs, 2 large values"));
}

TEST_CASE("large keyword arguments come in pieces behind the others, and a job may have nothing but them") {
  File file;
  JobSpec made = job(1);
  const bool has_args = GENERATE(true, false);
  made.args = has_args ? random_bytes(100'000, 5) : std::string("\x90");
  made.kwargs = random_bytes(kSize, 6);
  const SharedSpec spec = shared(made);
  const std::string value = joined_arguments(*spec);
  CHECK(value == spec->args + *spec->kwargs);
  const bool is_in_pieces = GENERATE(true, false);
  if (is_in_pieces) {
    for (const Record& part : pieces({spec->id, 0}, value, 3)) file.commit({part});
  }
  file.commit({JobAccepted{spec, true}, ValueClosed{{spec->id, 0}}});
  CHECK(file.count("piece") == (is_in_pieces ? 3 : 1 + static_cast<int>(value.size() >> 20)));
  file.open();
  const auto found = file.find(spec->id);
  CHECK(found->spec->args == spec->args);
  CHECK(found->spec->keywords() == spec->keywords());
  CHECK(file.recovered.queues.front().bytes == spec->size());
  const StoredJob listed = file.store->list({}).value().jobs.front();
  CHECK(listed.args_left_out == value.size());
  CHECK(listed.spec->args.empty());
  CHECK_FALSE(listed.spec->kwargs);
  CHECK(has(file.check(), "is whole: 1 jobs, 1 large values"));
  file.open();
  file.commit({finished(spec, succeeded("\x01"))});
  file.commit({JobForgotten{spec->id, {}}});
  file.tidy(10);
  CHECK(file.count("piece") == 0);
}

TEST_CASE("a large error comes in pieces, or whole, and is read back; a list has its beginning") {
  File file;
  const SharedSpec spec = shared_job(1);
  TaskError error{
      "std::runtime_error", std::string(kSize, 'm'), {"first", std::string(kSize, 't')}, ErrorKind::permanent};
  error.details.need().cause = TaskError{"Cause", "why", {}, ErrorKind::failure};
  const Outcome outcome{JobState::failed, {}, error, std::chrono::microseconds(12)};
  const std::string entry = encode_entry(message::report_of(spec->id, 1, outcome));
  file.commit({JobAccepted{spec}, AttemptStarted{spec, 1, Uuid::make()}});
  const bool is_in_pieces = GENERATE(true, false);
  if (is_in_pieces) {
    for (const Record& part : pieces({spec->id, 1}, entry, 5)) file.commit({part});
    CHECK(file.count("piece") == 5);
  }
  JobFinished end = finished(spec, std::make_shared<const Outcome>(outcome));
  end.uses.attempt = 1;
  file.commit({end, ValueClosed{{spec->id, 1}}});
  if (is_in_pieces) CHECK(file.count("piece") == 5);
  file.open();
  CHECK(*file.find(spec->id)->outcome == outcome);
  ListFilter filter;
  filter.state = JobState::failed;
  const StoredJob listed = file.store->list(filter).value().jobs.front();
  CHECK(listed.result_left_out == entry.size());
  CHECK(listed.outcome->error.type == "std::runtime_error");
  CHECK(listed.outcome->error.message == std::string(1024, 'm'));
  CHECK(listed.outcome->error.kind == ErrorKind::permanent);
  CHECK(listed.outcome->error.trace.empty());
  CHECK(has(file.check(), "is whole: 1 jobs, 1 large values"));
  file.open();
  file.commit({JobForgotten{spec->id, {}}});
  file.tidy(10);
  CHECK(file.count("piece") == 0);
}

TEST_CASE("the places of a job with large arguments: line, schedule, unique key, and the id of another") {
  File file;
  JobSpec in_line = *large_job(1);
  JobSpec scheduled = *large_job(2);
  scheduled.due = at_second(5000);
  JobSpec keyed = *large_job(3);
  keyed.options.unique = "key";
  const std::vector<SharedSpec> specs = {shared(in_line), shared(scheduled), shared(keyed)};
  for (const SharedSpec& spec : specs) {
    file.commit({pieces({spec->id, 0}, spec->args, 1).front()});
    CHECK(file.commit({JobAccepted{spec, spec->id == in_line.id}, ValueClosed{{spec->id, 0}}}).empty());
  }
  JobSpec same_key = keyed;
  same_key.id = Uuid::make();
  same_key.sequence = 4;
  JobSpec same_id = keyed;
  same_id.sequence = 5;
  for (const JobSpec& spec : {same_key, same_id}) {
    file.commit({pieces({spec.id, 0}, spec.args, 1).front()});
    const auto duplicates = file.commit({JobAccepted{shared(spec)}, ValueClosed{{spec.id, 0}}});
    REQUIRE(duplicates.size() == 1);
    CHECK(duplicates.front().of == keyed.id);
  }
  CHECK(file.count("loose_value") == 2);
  file.open();
  CHECK(file.count("loose_value") == 0);
  CHECK(file.count("piece") == 3);
  const auto line = file.store->load_queued(line_name(in_line), {}, 10, 1 << 30).value();
  REQUIRE(line.size() == 1);
  CHECK(line.front().spec->args == in_line.args);
  CHECK(file.store->load_scheduled({}, 10, 1 << 30).value().front().spec->args == scheduled.args);
  CHECK(has(file.check(), "is whole: 3 jobs, 3 large values"));
}

TEST_CASE("a large value that came with its record alone is stored as well") {
  File file;
  const SharedSpec spec = large_job(1);
  file.commit({JobAccepted{spec}});
  CHECK(file.commit({JobAccepted{spec}}).size() == 1);
  CHECK(file.find(spec->id)->spec->args == spec->args);
  CHECK(has(file.check(), "is whole: 1 jobs, 1 large values"));
}

TEST_CASE("pieces that no record has taken are gone after recovery, or some time after their value was closed") {
  File file;
  const SharedSpec spec = large_job(1);
  const SharedSpec other = large_job(2);
  for (const Record& part : pieces({spec->id, 0}, spec->args, 5)) file.commit({part});
  CHECK(file.count("piece") == 5);
  file.open();
  file.commit({});
  CHECK(file.count("piece") == 0);
  CHECK(file.count("loose_value") == 0);

  for (const Record& part : pieces({other->id, 0}, other->args, 5)) file.commit({part});
  file.commit({ValueClosed{{other->id, 0}}});
  CHECK(file.count("piece") == 5);
  file.tidy(6);
  CHECK(file.count("piece") == 0);
  CHECK(file.count("loose_value") == 0);
  CHECK(has(file.check(), "is whole: 0 jobs"));
}

TEST_CASE("a job's large values go with it, a piece with each commit") {
  File file;
  const SharedSpec spec = large_job(1);
  const std::string result = random_bytes(kSize, 9);
  for (const Record& part : pieces({spec->id, 0}, spec->args, 4)) file.commit({part});
  file.commit({JobAccepted{spec}, ValueClosed{{spec->id, 0}}});
  for (const Record& part : pieces({spec->id, 1}, result, 4)) file.commit({part});
  JobFinished end = finished(spec, succeeded(result));
  end.uses.attempt = 1;
  file.commit({end, ValueClosed{{spec->id, 1}}});
  CHECK(file.count("piece") == 8);

  const bool is_by_name = GENERATE(true, false);
  if (is_by_name) {
    file.commit({JobForgotten{spec->id, at_second(9000)}});  // its values are still its own
    CHECK(file.find(spec->id)->outcome->result == result);
    file.commit({JobForgotten{spec->id, {}}});
  } else {
    CHECK(file.store->forget(at_second(3000), 10).value().size() == 1);
  }
  CHECK_FALSE(file.find(spec->id));
  CHECK(file.count("piece") >= 7);
  file.tidy(10);
  CHECK(file.count("piece") == 0);
  CHECK(has(file.check(), "is whole: 0 jobs"));
}

TEST_CASE("a list leaves large values out, unless they are asked for") {
  File file;
  const SharedSpec spec = large_job(1);
  file.commit({JobAccepted{spec}});
  ListFilter filter;
  const StoredJob listed = file.store->list(filter).value().jobs.front();
  CHECK(listed.spec->args.empty());
  CHECK(listed.args_left_out == spec->args.size());
  filter.with_large = true;
  CHECK(file.store->list(filter).value().jobs.front().spec->args == spec->args);
}

TEST_CASE("a large value that lacks a piece is damage, for who reads it and for check") {
  File file;
  const SharedSpec spec = large_job(1);
  for (const Record& part : pieces({spec->id, 0}, spec->args, 4)) file.commit({part});
  file.commit({JobAccepted{spec, true}, ValueClosed{{spec->id, 0}}});
  file.store.reset();
  {
    SQLite::Database database(file.path, SQLite::OPEN_READWRITE, 0, file_layer(""));
    REQUIRE(database.exec("DELETE FROM piece WHERE key = (SELECT max(key) FROM piece)") == 1);
  }
  file.open();
  const auto found = file.store->find({spec->id});
  REQUIRE_FALSE(found);
  CHECK(has(found.error().message, "the file is damaged: large value 1 has"));
  CHECK(has(file.check(), "large value 1 has"));
}
