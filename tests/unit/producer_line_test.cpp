#include "producer/map/line_reader.h"
#include "producer/map/line_writer.h"
#include "tests/support/catch.h"
#include "zebu/program/descriptor.h"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <unistd.h>

namespace zebu::producer {
namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    out = Descriptor(ends[0]);
    in = Descriptor(ends[1]);
  }
  void write(std::string_view text) const {
    REQUIRE(::write(in.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  Descriptor out;
  Descriptor in;
};

std::string read_all(const Descriptor& from) {
  std::string text(1U << 20, '\0');
  const ssize_t got = ::read(from.get(), text.data(), text.size());
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

}  // namespace

TEST_CASE("lines are trimmed, numbered from 1, and the last one needs no newline") {
  Pipe input;
  const Pipe stop;
  input.write("a\n  b \r\n\nc");
  input.in = Descriptor();
  LineReader reader(input.out.get(), stop.out.get(), 100);
  std::vector<std::string> texts;
  std::uint64_t bytes = 0;
  std::uint64_t number = 0;
  for (;;) {
    const auto line = reader.next();
    REQUIRE(line);
    if (!*line) break;
    texts.push_back((*line)->text);
    bytes += (*line)->bytes;
    CHECK((*line)->number == ++number);
  }
  CHECK(texts == std::vector<std::string>{"a", "b", "", "c"});
  CHECK(bytes == 10);
}

TEST_CASE("a line that is too long is passed over, and the next one is read") {
  const Pipe input;
  const Pipe stop;
  input.write(std::string(1'000, 'x') + "\nok\n");
  LineReader reader(input.out.get(), stop.out.get(), 100);
  const auto first = reader.next();
  REQUIRE((first && *first));
  CHECK((*first)->is_too_long);
  CHECK((*first)->text.empty());
  CHECK((*first)->bytes == 1'001);
  const auto second = reader.next();
  REQUIRE((second && *second));
  CHECK((*second)->text == "ok");
  CHECK((*second)->number == 2);
}

TEST_CASE("stop ends the lines although the input stays open") {
  const Pipe input;
  const Pipe stop;
  stop.write("!");
  LineReader reader(input.out.get(), stop.out.get(), 100);
  const auto line = reader.next();
  REQUIRE(line);
  CHECK_FALSE(line->has_value());
}

TEST_CASE("added lines leave with flush, and are counted") {
  const Pipe output;
  const Pipe stop;
  LineWriter writer(output.in.get(), stop.out.get());
  writer.add("one");
  writer.add("two");
  CHECK(writer.written() == 0);
  REQUIRE(writer.flush());
  CHECK(writer.written() == 2);
  CHECK(read_all(output.out) == "one\ntwo\n");
}

TEST_CASE("a pipe that nobody reads gets whole lines only, and stop ends the wait for it") {
  const Pipe output;
  const Pipe stop;
  REQUIRE(::fcntl(output.in.get(), F_SETPIPE_SZ, 4096) >= 4096);
  LineWriter writer(output.in.get(), stop.out.get());
  for (int i = 0; i < 10'000; ++i) writer.add("a line of some length");
  stop.write("!");
  const auto flushed = writer.flush();
  REQUIRE_FALSE(flushed);
  CHECK(flushed.error().code == ErrorCode::closed);
  const std::string text = read_all(output.out);
  CHECK(text.ends_with("length\n"));
  CHECK(text.size() == writer.written() * std::string_view("a line of some length\n").size());
}

TEST_CASE("a reader that went away is told apart from a disk that is full") {
  std::signal(SIGPIPE, SIG_IGN);
  const Pipe stop;
  Pipe output;
  output.out = Descriptor();
  LineWriter broken(output.in.get(), stop.out.get());
  broken.add("x");
  CHECK(broken.flush().error().code == ErrorCode::closed);
  const Descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  LineWriter writer(full.get(), stop.out.get());
  writer.add("x");
  const auto flushed = writer.flush();
  REQUIRE_FALSE(flushed);
  CHECK(flushed.error().code == ErrorCode::system);
  CHECK(flushed.error().message.find("No space left") != std::string::npos);
  CHECK(writer.written() == 0);
}

}  // namespace zebu::producer
