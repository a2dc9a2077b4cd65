#include "tests/support/catch.h"
#include "tests/support/old_store.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/stack.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"

#include <sys/mount.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

using namespace zebu::test;

namespace {

Finished maintain(const std::string& store, std::vector<std::string> command) {
  command.insert(command.begin(), program("zebu-broker"));
  command.insert(command.end(), {"--store", store});
  return run({.command = command});
}

std::string path_of(const std::string& store) { return store.substr(std::string("sqlite:").size()); }

}  // namespace

TEST_CASE("a backup of a running broker's store has its jobs, and another broker goes on with them") {
  Stack stack({.consumers = 0, .with_webfront = false});
  REQUIRE(stack.produce({"submit", "fib", "10", "--count", "500"}).exit.code == 0);
  const TempDir dir;
  const std::string file = dir.path() / "backup.db";
  const Finished backup = maintain(stack.store(), {"backup", "--to", file});
  INFO(backup.out << backup.err);
  CHECK(backup.exit.code == 0);
  CHECK(maintain("sqlite:" + file, {"check"}).out.find("500 jobs") != std::string::npos);

  const Finished again = maintain(stack.store(), {"backup", "--to", file});
  CHECK(again.exit.code == 1);
  CHECK(has(again.err, "--force"));
  CHECK(maintain(stack.store(), {"backup", "--to", file, "--force"}).exit.code == 0);
  CHECK_FALSE(std::filesystem::exists(file + ".zebu-partial"));

  Stack other({.broker = {"--store", "sqlite:" + file}, .consumers = 0, .with_webfront = false});
  CHECK(has(other.produce({"queues"}).out, "default"));
}

TEST_CASE("a backup that is killed leaves nothing behind") {
  Stack stack({.consumers = 0, .with_webfront = false});
  const std::string text(100'000, 'x');
  REQUIRE(stack.produce({"submit", "echo", text, "--count", "200"}).exit.code == 0);
  const TempDir dir;
  const std::string file = dir.path() / "backup.db";
  for (const int signal : {SIGTERM, SIGINT, SIGKILL}) {
    Process backup({program("zebu-broker"), "backup", "--to", file, "--store", stack.store()});
    backup.signal(signal);
    // Or it was quicker than the signal.
    const bool is_done = backup.wait_exit().code == 0;
    INFO("signal " << signal);
    CHECK(std::filesystem::exists(file) == is_done);
    CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == (is_done ? 1 : 0));
    std::filesystem::remove(file);
  }
}

TEST_CASE("a backup for which the volume has no room is told with its size, and leaves nothing behind") {
  Stack stack({.consumers = 0, .with_webfront = false});
  const std::string text(100'000, 'x');
  REQUIRE(stack.produce({"submit", "echo", text, "--count", "50"}).exit.code == 0);
  const TempDir dir;
  if (::mount("tmpfs", dir.path().c_str(), "tmpfs", 0, "size=2m") != 0) {
    WARN("left out: only root may mount a file system");
    return;
  }
  const Finished backup = maintain(stack.store(), {"backup", "--to", dir.path() / "backup.db"});
  const bool is_empty = std::filesystem::is_empty(dir.path());
  ::umount2(dir.path().c_str(), MNT_DETACH);
  INFO(backup.err);
  CHECK(backup.exit.code == 1);
  CHECK(has(backup.err, "it needs about "));
  CHECK(has(backup.err, "and its file system has 2.0 MiB free"));
  CHECK(is_empty);
}

TEST_CASE("check and compact refuse a store that a broker uses, and work when it has stopped") {
  Stack stack({.consumers = 0, .with_webfront = false});
  REQUIRE(stack.produce({"submit", "fib", "10", "--count", "100"}).exit.code == 0);
  for (const std::string command : {"check", "compact"}) {
    const Finished refused = maintain(stack.store(), {command});
    CHECK(refused.exit.code == 1);
    CHECK(has(refused.err, "in use by process"));
  }
  stack.kill_broker();
  const Finished check = maintain(stack.store(), {"check"});
  INFO(check.out << check.err);
  CHECK(check.exit.code == 0);
  CHECK(has(check.out, "is whole: 100 jobs"));
  CHECK(maintain(stack.store(), {"compact"}).exit.code == 0);
  CHECK(maintain(stack.store(), {"check"}).exit.code == 0);
  CHECK(maintain("memory", {"check"}).exit.code == 2);
  CHECK(maintain("sqlite:/nowhere/zebu.db", {"check"}).exit.code == 1);
}

TEST_CASE("a damaged store is named by check, and refused by the broker or given back whole") {
  Stack stack({.consumers = 0, .with_webfront = false});
  REQUIRE(stack.produce({"submit", "echo", "a text", "--count", "2000"}).exit.code == 0);
  stack.kill_broker();
  REQUIRE(maintain(stack.store(), {"compact"}).exit.code == 0);  // all of it is in the file now
  const std::filesystem::path path = path_of(stack.store());
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(path) / 2));
  file.put('?').put('!').put('?');
  file.close();
  const Finished check = maintain(stack.store(), {"check"});
  CHECK(check.exit.code == 1);
  CHECK(has(check.err, "page"));
  CHECK(has(check.err, "damaged"));
}

TEST_CASE("check counts a page as the log has it, not as the file had it") {
  Stack stack({.consumers = 0, .with_webfront = false});
  REQUIRE(stack.produce({"submit", "echo", "a text", "--count", "2000"}).exit.code == 0);
  stack.kill_broker();
  REQUIRE(maintain(stack.store(), {"compact"}).exit.code == 0);  // all of it is in the file now
  stack.start_broker();
  REQUIRE(stack.produce({"submit", "echo", "a text", "--count", "2000"}).exit.code == 0);
  stack.kill_broker();
  const std::string path = path_of(stack.store());
  std::ifstream log(path + "-wal", std::ios::binary);
  log.seekg(32);  // where the log's first page has its number (https://sqlite.org/fileformat.html#walformat)
  std::uint32_t page = 0;
  for (int i = 0; i < 4; ++i) page = page << 8 | static_cast<std::uint32_t>(log.get());
  constexpr std::streamoff kPage = 8192;
  REQUIRE(std::filesystem::file_size(path) >= page * static_cast<std::uintmax_t>(kPage));
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp((static_cast<std::streamoff>(page) - 1) * kPage + kPage / 2);
  file.put('?').put('!').put('?');
  file.close();
  const Finished check = maintain(stack.store(), {"check"});
  INFO(check.err);
  CHECK(check.exit.code == 0);
  CHECK(has(check.out, "is whole: 4000 jobs"));
}

TEST_CASE("check by a symbolic link finds the store's own lock") {
  Stack stack({.consumers = 0, .with_webfront = false});
  const TempDir dir;
  const std::string link = dir.path() / "link.db";
  std::filesystem::create_symlink(path_of(stack.store()), link);
  const Finished check = maintain("sqlite:" + link, {"check"});
  CHECK(check.exit.code == 1);
  CHECK(has(check.err, "in use by process"));
  CHECK_FALSE(has(check.err, "damaged"));
  CHECK_FALSE(std::filesystem::exists(link + ".lock"));
}

TEST_CASE("a backup replaces no file of the store, and nothing that is no file") {
  Stack stack({.consumers = 0, .with_webfront = false});
  REQUIRE(stack.produce({"submit", "fib", "10"}).exit.code == 0);
  const std::string path = path_of(stack.store());
  for (const std::string& to : {path + "-wal", path + "-shm", path + ".lock"}) {
    const Finished backup = maintain(stack.store(), {"backup", "--to", to, "--force"});
    INFO(to << '\n' << backup.err);
    CHECK(backup.exit.code == 1);
    CHECK(has(backup.err, "is a file of the store itself"));
  }
  const TempDir dir;
  std::filesystem::create_symlink("/dev/null", dir.path() / "null");
  const Finished backup = maintain(stack.store(), {"backup", "--to", dir.path() / "null", "--force"});
  CHECK(backup.exit.code == 1);
  CHECK(has(backup.err, "is not a regular file"));
}

TEST_CASE("a program without stdout writes into none of its files") {
  Stack stack({.consumers = 0, .with_webfront = false});
  REQUIRE(stack.produce({"submit", "fib", "10"}).exit.code == 0);
  stack.kill_broker();
  const std::string path = path_of(stack.store());
  const Finished check = run({.command = {"/bin/sh", "-c", "exec \"$0\" \"$@\" <&- >&- 2>&-", program("zebu-broker"),
                                          "check", "--store", stack.store()}});
  CHECK(check.exit.code == 0);
  std::ifstream lock(path + ".lock", std::ios::binary);
  std::string owner(4, ' ');
  lock.read(owner.data(), 4);
  CHECK(owner == "pid ");
}

TEST_CASE("a second broker on a store is refused") {
  Stack stack({.consumers = 0, .with_webfront = false});
  const Finished second = run({.command = {program("zebu-broker"), "--store", stack.store(), "--clients",
                                           "tcp://127.0.0.1:*", "--consumers", "tcp://127.0.0.1:*"}});
  CHECK(second.exit.code == 1);
  CHECK(has(second.err, "in use by process"));
}

TEST_CASE("a store of Zebu 0.1.0 is refused with the command that migrates it, and runs after that") {
  const TempDir dir;
  const std::string path = dir.path() / "zebu.db";
  const std::string store = "sqlite:" + path;
  fill_old_store(path, 1000);
  const std::vector<std::string> start = {
      program("zebu-broker"), "--store", store, "--clients", "tcp://127.0.0.1:*", "--consumers", "tcp://127.0.0.1:*"};
  for (const Finished& finished : {run({.command = start}), maintain(store, {"check"})}) {
    INFO(finished.err);
    CHECK(finished.exit.code == 1);
    CHECK(has(finished.err, "(format 4), and this zebu-broker reads format"));
    CHECK(has(finished.err, "run `zebu-broker migrate --store " + store + "` once"));
    CHECK(has(finished.err, "move " + path));
  }
  const Finished migrated = maintain(store, {"migrate"});
  INFO(migrated.out << migrated.err);
  CHECK(migrated.exit.code == 0);
  CHECK(has(migrated.out, "the new file needs up to"));
  CHECK(has(migrated.out, "with 1000 jobs. The old file is '" + path + ".format4'"));
  CHECK(has(maintain(store, {"check"}).out, "is whole: 1000 jobs"));
  Process broker(start);
  const std::string line = broker.wait_for_line("zebu-broker ready");
  const Finished queues =
      run({.command = {program("zebu-producer"), "--broker", ready_field(line, "clients"), "queues"}});
  CHECK(has(queues.out, "the model is broken"));
  CHECK(maintain(store, {"migrate"}).exit.code == 1);  // in use
  CHECK(maintain("memory", {"migrate"}).exit.code == 2);
}

TEST_CASE("the store that a real broker of Zebu 0.1.0 left is migrated, and its jobs run") {
  const TempDir dir;
  const std::string path = dir.path() / "zebu.db";
  std::filesystem::copy_file(source("tests/store/zebu-0.1.0.db"), path);
  const Finished migrated = maintain("sqlite:" + path, {"migrate"});
  INFO(migrated.out << migrated.err);
  REQUIRE(migrated.exit.code == 0);
  CHECK(has(maintain("sqlite:" + path, {"check"}).out, "is whole: 338 jobs"));

  Stack stack({.broker = {"--store", "sqlite:" + path}, .consumers = 0, .with_webfront = false});
  const auto count = [&](const std::string& state) {
    const std::string list = stack.produce({"list", "--state", state, "--limit", "1000", "--output", "json"}).out;
    return std::count(list.begin(), list.end(), '\n');
  };
  CHECK(count("succeeded") == 21);
  CHECK(count("failed") == 2);
  CHECK(count("cancelled") == 1);
  CHECK(count("expired") == 1);
  CHECK(count("scheduled") == 5);
  const std::string queues = stack.produce({"queues"}).out;
  INFO(queues);
  CHECK(has(queues, "the model is broken"));
  // The keys are their queues' now, and still held.
  const Finished attached = stack.produce({"submit", "echo", "other", "--unique", "report:7", "--wait"});
  CHECK(has(attached.out, "a text"));
  stack.add_consumer({"--queues", "idle"});
  CHECK(stack.produce({"submit", "fib", "5", "--queue", "idle", "--wait"}).exit.code == 0);
}
