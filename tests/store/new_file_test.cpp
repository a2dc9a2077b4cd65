#include "broker/store/sqlite/new_file.h"

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <set>
#include <unistd.h>

using namespace zebu;
using namespace zebu::broker;
using namespace zebu::test;

namespace {

std::set<std::string> names_in(const TempDir& dir) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

void write_text(const NewFile& file, const std::string& text) {
  REQUIRE(::pwrite(file.descriptor(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
}

// A process that is killed while it writes the file.
void write_and_die(const std::string& name, NewFile::Kind kind) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto file = NewFile::create(name, kind);
    if (file) static_cast<void>(!::write(file->descriptor(), "half", 4));
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
}

}  // namespace

TEST_CASE("a new file appears when it is whole, and replaces another one only on request") {
  const auto kind = GENERATE(NewFile::Kind::without_name, NewFile::Kind::partial);
  const TempDir dir;
  const std::string name = dir.path() / "copy.db";
  {
    auto file = NewFile::create(name, kind);
    REQUIRE(file);
    write_text(*file, "first");
    CHECK_FALSE(std::filesystem::exists(name));
    REQUIRE(file->appear(false));
  }
  CHECK(names_in(dir) == std::set<std::string>{"copy.db"});
  for (const bool replace : {false, true}) {
    auto file = NewFile::create(name, kind);
    REQUIRE(file);
    write_text(*file, "second");
    CHECK(file->appear(replace).has_value() == replace);
  }
  CHECK(names_in(dir) == std::set<std::string>{"copy.db"});
  CHECK(dir.read("copy.db") == "second");
  CHECK((std::filesystem::status(name).permissions() & std::filesystem::perms::others_read) ==
        std::filesystem::perms::none);
}

TEST_CASE("of a new file whose process was killed nothing stays, or nothing after the next one") {
  const TempDir dir;
  write_and_die(dir.path() / "copy.db", NewFile::Kind::without_name);
  CHECK(names_in(dir).empty());
  write_and_die(dir.path() / "copy.db", NewFile::Kind::partial);
  CHECK(names_in(dir) == std::set<std::string>{"copy.db.zebu-partial"});
  const auto written = NewFile::create(dir.path() / "being written.db", NewFile::Kind::partial);
  REQUIRE(written);
  REQUIRE(NewFile::create(dir.path() / "another.db"));
  CHECK(names_in(dir) == std::set<std::string>{"being written.db.zebu-partial"});
}
