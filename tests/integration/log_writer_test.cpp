#include "zebu/program/log_writer.h"

#include "tests/support/catch.h"
#include "tests/support/eventually.h"

#include <array>
#include <fcntl.h>
#include <poll.h>
#include <sstream>
#include <unistd.h>

using namespace std::chrono_literals;
using zebu::LogWriter;
using zebu::test::scaled;

namespace {

constexpr std::size_t kPipe = 4096;
constexpr std::size_t kLimit = 10'000;

// A writer whose pipe is read when the test says so. Both ends stay open, because the writer never ends.
struct Unread {
  Unread() {
    if (::pipe2(ends.data(), O_CLOEXEC) != 0 || ::fcntl(ends[1], F_SETPIPE_SZ, kPipe) < 0)
      throw std::runtime_error("pipe");
    writer = &LogWriter::start(ends[1], kLimit);
  }
  ~Unread() {
    // So that its thread sleeps.
    while (!writer->flush(0ms)) static_cast<void>(read());
    static_cast<void>(read());
  }

  // What has come; waits for something.
  std::string read() const {
    std::array<char, 65536> bytes;
    pollfd item{ends[0], POLLIN, 0};
    if (::poll(&item, 1, static_cast<int>(scaled(100ms).count())) <= 0) return {};
    const ssize_t n = ::read(ends[0], bytes.data(), bytes.size());
    return {bytes.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
  }
  std::string read_until(const std::string& end) const {
    std::string all;
    const bool has_come = zebu::test::eventually([&] { return (all += read()).find(end) != std::string::npos; }, 10s);
    if (!has_come) throw std::runtime_error("'" + end + "' did not come, but:\n" + all);
    return all;
  }

  std::array<int, 2> ends{};
  LogWriter* writer = nullptr;
};

}  // namespace

TEST_CASE("lines that are logged come out in order") {
  Unread log;
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    log.writer->add(line);
    expected += line;
  }
  CHECK(log.read_until("line 49\n") == expected);
  CHECK(log.writer->flush(scaled(10s)));
}

TEST_CASE("where nobody reads the log, nobody waits: lines are dropped, counted, and that is said") {
  Unread log;
  const std::string line(99, 'x');
  constexpr std::uint64_t kLines = 10'000;
  for (std::uint64_t i = 0; i < kLines; ++i) log.writer->add(line + "\n");
  CHECK_FALSE(log.writer->flush(1ms));
  std::string all;
  while (!log.writer->flush(0ms)) all += log.read();
  all += log.read();
  // Whole lines, and notices where others are missing.
  std::uint64_t kept = 0;
  std::uint64_t dropped = 0;
  std::istringstream lines(all);
  for (std::string each; std::getline(lines, each);) {
    if (each == line) {
      ++kept;
    } else {
      CHECK(each.ends_with(" lines were dropped: nobody reads the log"));
      dropped += std::stoull(each);
    }
  }
  CHECK(kept + dropped == kLines);
  // No more is kept than the limit, twice, and what the pipe holds.
  CHECK(kept * 100 <= 2 * kLimit + kPipe);
  // Then it goes on.
  log.writer->add("after that\n");
  CHECK(log.read_until("after that\n") == "after that\n");
  CHECK(log.writer->flush(scaled(10s)));
}

TEST_CASE("a notice stands on a line of its own, in the words of its program") {
  Unread log;
  log.writer->set_notice([](std::uint64_t lines) { return "lost " + std::to_string(lines) + "\n"; });
  // Pieces without an end of line.
  const std::string piece(1000, 'y');
  for (int i = 0; i < 100; ++i) log.writer->add(piece);
  const std::string all = log.read_until("lost ");
  CHECK(all.find("y\nlost ") != std::string::npos);
}

TEST_CASE("a log whose reader has gone loses its lines, and its program goes on") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  LogWriter& writer = LogWriter::start(ends[1]);
  ::close(ends[0]);
  writer.add("nobody reads this\n");
  CHECK(writer.flush(scaled(10s)));
}

TEST_CASE("a log that another user of the descriptor has made non-blocking loses nothing") {
  Unread log;
  REQUIRE(::fcntl(log.ends[1], F_SETFL, O_NONBLOCK) == 0);
  std::string expected;
  for (int i = 0; i < 90; ++i) expected += std::string(99, 'z') + "\n";
  log.writer->add(expected);
  log.writer->add("end\n");
  CHECK(log.read_until("end\n") == expected + "end\n");
}
