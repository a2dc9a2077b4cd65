#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/log_lines.h"
#include "tests/support/paths.h"
#include "tests/support/stack.h"
#include "tests/support/text.h"

#include <csignal>
#include <filesystem>

// Somebody deletes, renames or replaces the store's files under a running, idle broker.
namespace zebu::test {
namespace {

namespace fs = std::filesystem;

// A broker with 200 jobs and nobody to run them, in a folder of its own.
struct Broker {
  TempDir dir;
  fs::path folder = dir.path() / "data";
  fs::path path = folder / "zebu.db";
  std::optional<Stack> stack;

  Broker() {
    fs::create_directory(folder);
    stack.emplace(
        StackOptions{.broker = {"--store", store(), "--log-format", "json"}, .consumers = 0, .with_webfront = false});
    REQUIRE(stack->produce({"submit", "echo", "1", "--count", "200"}).exit.code == 0);
  }
  std::string store() const { return "sqlite:" + path.string(); }
  // What it says at its end, which comes by itself.
  std::string last_words() {
    CHECK(stack->broker().wait_exit().code == 74);
    INFO(stack->broker().err());
    CHECK(has(stack->broker().err(), "while the broker ran"));
    CHECK(count_events(stack->broker().err(), "store_failed") == 1);
    return stack->broker().err();
  }
  void remove_others() const {
    for (const char* other : {"-wal", "-shm", ".lock"}) fs::remove(path.string() + other);
  }
  // All jobs are there for the next one.
  void goes_on() const {
    const Finished check = run({.command = {program("zebu-broker"), "check", "--store", store()}});
    INFO(check.err);
    CHECK(has(check.out, "is whole: 200 jobs"));
    Stack next({.broker = {"--store", store()}, .with_webfront = false});
    CHECK(eventually([&] { return has(next.produce({"queues"}).out, "default       0"); }));
  }
};

}  // namespace

TEST_CASE("a store that was deleted is noticed, and its jobs are rescued into a copy") {
  Broker broker;
  const bool with_all = GENERATE(false, true);
  fs::remove(broker.path);
  if (with_all) broker.remove_others();
  CHECK(has(broker.last_words(), "A copy with all that was acknowledged is '" + broker.path.string() + ".rescued'"));
  broker.remove_others();
  fs::rename(broker.path.string() + ".rescued", broker.path);
  broker.goes_on();
}

TEST_CASE("a store that was renamed is noticed, and found under its new name") {
  Broker broker;
  const fs::path other = broker.folder / "old.db";
  fs::rename(broker.path, other);
  CHECK(has(broker.last_words(), "it is '" + other.string() + "' now"));
  CHECK_FALSE(fs::exists(broker.path.string() + ".rescued"));
  broker.remove_others();
  fs::rename(other, broker.path);
  broker.goes_on();
}

TEST_CASE("a store that was replaced is noticed, and the new file stays as it is") {
  Broker broker;
  const std::string foreign = broker.dir.write("foreign", "something else");
  fs::rename(foreign, broker.path);
  const std::string words = broker.last_words();
  CHECK(has(words, "is another file now"));
  CHECK(has(words, "A copy with all that was acknowledged is"));
  CHECK(fs::file_size(broker.path) == std::string("something else").size());
  broker.remove_others();
  fs::rename(broker.path.string() + ".rescued", broker.path);
  broker.goes_on();
}

TEST_CASE("a store whose folder is gone is noticed, and its jobs are rescued") {
  Broker broker;
  const bool is_renamed = GENERATE(false, true);
  if (is_renamed) {
    fs::rename(broker.folder, broker.dir.path() / "moved");
    CHECK(has(broker.last_words(), (broker.dir.path() / "moved" / "zebu.db").string() + "' now"));
    fs::rename(broker.dir.path() / "moved", broker.folder);
  } else {
    fs::remove_all(broker.folder);
    CHECK(has(broker.last_words(), "A copy with all that was acknowledged is"));
    fs::rename(broker.path.string() + ".rescued", broker.path);
  }
  broker.remove_others();
  broker.goes_on();
}

TEST_CASE("a log, index or lock that is gone ends the broker, and all is in the store's file") {
  Broker broker;
  const std::string which = GENERATE("-wal", "-shm", ".lock");
  fs::remove(broker.path.string() + which);
  const std::string words = broker.last_words();
  CHECK(has(words, "zebu.db" + which + "' is gone"));
  CHECK(has(words, "All that was acknowledged is in '" + broker.path.string() + "': start again"));
  broker.goes_on();
}

TEST_CASE("jobs that can be rescued nowhere are kept in the process until it is stopped, which is never 0") {
  Broker broker;
  fs::remove_all(broker.folder);
  // In the folder's place there is something else.
  broker.dir.write("data", "");
  broker.stack->broker().wait_for_error_line("only this process still has its jobs");
  const std::string words = broker.stack->broker().err();
  CHECK(has(words, "Or copy /proc/" + std::to_string(broker.stack->broker().pid()) + "/fd/"));
  const bool is_stopped = GENERATE(true, false);
  if (is_stopped) {
    broker.stack->broker().signal(SIGTERM);
    CHECK(broker.stack->broker().wait_exit().code == 74);
    return;
  }
  // By hand, as it says.
  const std::size_t at = words.find("/proc/");
  fs::copy_file(words.substr(at, words.find(' ', at) - at), broker.dir.path() / "by hand.db");
  // Or by itself, once it can.
  fs::remove(broker.folder);
  CHECK(has(broker.last_words(), "A copy with all that was acknowledged is"));
  fs::rename(broker.dir.path() / "by hand.db", broker.path);
  broker.goes_on();
}

}  // namespace zebu::test
