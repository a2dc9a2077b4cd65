#include "consumer/slots/process/frame_stream.h"
#include "consumer/slots/process/protocol.h"
#include "tests/support/catch.h"

#include <array>
#include <cstring>

namespace zebu::consumer::protocol {

using namespace std::chrono_literals;

namespace {

AttemptId attempt(std::uint8_t number) {
  AttemptId id;
  id.job.bytes[0] = number;
  id.attempt = number;
  return id;
}

message::Assignment assignment() {
  message::Assignment job{attempt(1).job, 3, "fib", "default", "\x91\x07", {}};
  job.options.soft_limit = 80ms;
  job.options.hard_limit = 2s;
  job.options.headers = {{"traceparent", "00-1"}};
  return job;
}

std::vector<ToChild> to_child() {
  return {
      Run{{assignment(), assignment()}}, Run{}, Stop{attempt(2)}, SoftLimit{attempt(3)}, Recall{}, ReportProgress{}};
}

std::vector<FromChild> from_child() {
  message::Report succeeded{attempt(1).job, 1, JobState::succeeded, "\x07", {}, 5us};
  message::Report failed{attempt(2).job, 2, JobState::failed, {}, {"E", "why", {"here", "there"}}, 6us};
  failed.error.kind = zebu::ErrorKind::permanent;
  const message::Report cancelled{attempt(3).job, 1, JobState::cancelled, {}, {}, 0us};
  return {Ended{{succeeded, failed, cancelled}},
          Returned{{attempt(4), attempt(5)}},
          Returned{},
          Progressed{{{attempt(6).job, 1, 0.5, "half", "line\n"}, {attempt(7).job, 2, std::nullopt, "", ""}}},
          Ready{},
          StartFailed{"std::runtime_error: no model"}};
}

template <class Message>
std::string frame_of(const Message& message) {
  std::string frame;
  FrameCount frames;
  append(frame, message, frames);
  return frame;
}

// What stands behind the head.
Bytes body_of(const std::string& frame) { return Bytes(frame).substr(sizeof(FrameHead)); }

}  // namespace

TEST_CASE("every message to a slot's process comes back as it was") {
  Decoder decoder;
  for (const ToChild& sent : to_child()) {
    const std::string frame = frame_of(sent);
    const auto heard = decoder.to_child(body_of(frame));
    REQUIRE(heard);
    CHECK(heard->index() == sent.index());
    CHECK(frame_of(*heard) == frame);
  }
  const std::string frame = frame_of(ToChild(Run{{assignment()}}));
  const auto heard = decoder.to_child(body_of(frame));
  const message::Assignment& job = std::get<Run>(*heard).jobs.at(0);
  CHECK(job.id == attempt(1).job);
  CHECK(job.attempt == 3);
  CHECK(job.args == "\x91\x07");
  CHECK(job.options == assignment().options);
}

TEST_CASE("every message of a slot's process comes back as it was") {
  Decoder decoder;
  for (const FromChild& sent : from_child()) {
    const std::string frame = frame_of(sent);
    const auto heard = decoder.from_child(body_of(frame));
    REQUIRE(heard);
    CHECK(heard->index() == sent.index());
    CHECK(frame_of(*heard) == frame);
  }
}

TEST_CASE("a slot's process and its consumer each take only the other's messages") {
  Decoder decoder;
  for (const ToChild& sent : to_child()) CHECK_FALSE(decoder.from_child(body_of(frame_of(sent))));
  for (const FromChild& sent : from_child()) CHECK_FALSE(decoder.to_child(body_of(frame_of(sent))));
}

TEST_CASE("a slot's message that is cut, or followed by more, is refused") {
  Decoder decoder;
  for (const FromChild& sent : from_child()) {
    const std::string frame = frame_of(sent);
    const Bytes body = body_of(frame);
    for (std::size_t size = 0; size < body.size(); ++size) CHECK_FALSE(decoder.from_child(body.substr(0, size)));
    CHECK_FALSE(decoder.from_child(std::string(body) + '\0'));
  }
}

TEST_CASE("frames come out of a stream whole, wherever it was cut") {
  FrameCount sent;
  std::string first;
  std::string second;
  append(first, ToChild(Recall{}), sent);
  append(second, ToChild(Stop{attempt(9)}), sent);
  const std::string bytes = first + second;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    FrameStream stream;
    std::vector<std::string> frames;
    const auto take = [&] {
      for (auto frame = stream.next(); frame && *frame; frame = stream.next()) frames.emplace_back(**frame);
    };
    stream.append(bytes.data(), cut);
    take();
    stream.append(bytes.data() + cut, bytes.size() - cut);
    take();
    CHECK(frames == std::vector<std::string>{std::string(body_of(first)), std::string(body_of(second))});
  }
}

TEST_CASE("a stream that announces a frame beyond all reason is garbage, and is not waited for") {
  FrameStream stream;
  FrameCount sent;
  const FrameHead head = sent.next_head(0xffffffff);
  std::array<char, sizeof head> bytes{};
  std::memcpy(bytes.data(), &head, sizeof head);
  stream.append(bytes.data(), bytes.size());
  CHECK_FALSE(stream.next());
}

TEST_CASE("bytes that somebody else wrote into a stream, or took out of it, are noticed with the next head") {
  FrameCount sent;
  std::string first;
  std::string second;
  append(first, ToChild(Recall{}), sent);
  append(second, ToChild(Stop{attempt(9)}), sent);
  const auto is_noticed = [](const std::string& bytes) {
    FrameStream stream;
    stream.append(bytes.data(), bytes.size());
    while (true) {
      const auto frame = stream.next();
      if (!frame) return true;
      if (!*frame) return false;
    }
  };
  CHECK_FALSE(is_noticed(first + second));
  CHECK(is_noticed(second));                    // the first one is gone
  CHECK(is_noticed(first + first));             // twice
  CHECK(is_noticed(first.substr(1) + second));  // a byte is gone
  for (const char byte : {'\0', '\1', '\xff', 'x'}) {
    for (const std::size_t count : {1, 4, 8, 100}) {
      const std::string garbage(count, byte);
      CHECK(is_noticed(garbage + first + second));
      CHECK(is_noticed(first + garbage + second));
    }
  }
}

TEST_CASE("what follows garbage in a stream can be read, in whatever pieces it comes") {
  FrameCount sent;
  std::string first;
  std::string second;
  append(first, ToChild(Recall{}), sent);
  append(second, ToChild(Stop{attempt(9)}), sent);
  for (const std::string& garbage : {std::string(1, 'x'), std::string(7, '\0'), std::string(4096, '\x11'), first}) {
    const std::string bytes = first + garbage + second;
    for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, bytes.size()}) {
      FrameStream stream;
      std::vector<std::string> frames;
      std::size_t skipped = 0;
      for (std::size_t at = 0; at < bytes.size(); at += piece) {
        stream.append(bytes.data() + at, std::min(piece, bytes.size() - at));
        while (true) {
          const auto frame = stream.next();
          if (!frame) {
            skipped += stream.skip_garbage();
          } else if (*frame) {
            frames.emplace_back(**frame);
          } else {
            break;
          }
        }
      }
      CHECK(skipped == garbage.size());
      CHECK(frames == std::vector<std::string>{std::string(body_of(first)), std::string(body_of(second))});
    }
  }
}

}  // namespace zebu::consumer::protocol
