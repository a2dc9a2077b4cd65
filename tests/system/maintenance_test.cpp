#include "support/catch.h"
#include "support/process.h"
#include "support/stack.h"
#include "support/temp_dir.h"

#include <filesystem>
#include <fstream>

using namespace zebu::test;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

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
  CHECK_FALSE(std::filesystem::exists(file + ".partial"));

  Stack other({.broker = {"--store", "sqlite:" + file}, .consumers = 0, .with_webfront = false});
  CHECK(has(other.produce({"queues"}).out, "default"));
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

TEST_CASE("a second broker on a store is refused") {
  Stack stack({.consumers = 0, .with_webfront = false});
  const Finished second = run({.command = {program("zebu-broker"), "--store", stack.store(), "--clients",
                                           "tcp://127.0.0.1:*", "--consumers", "tcp://127.0.0.1:*"}});
  CHECK(second.exit.code == 1);
  CHECK(has(second.err, "in use by process"));
}
