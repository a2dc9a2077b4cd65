#include "zebu/wire/flow.h"

#include "tests/support/catch.h"
#include "zebu/wire/assembler.h"

#include <algorithm>
#include <deque>
#include <random>

using namespace zebu;
using namespace std::chrono_literals;

namespace {

constexpr FlowLimits kFlowLimits{1000, 1000, 8000, 1h};

// A frame that says its number, and is about a job.
Frame frame_of(std::uint64_t number, std::size_t padding, std::vector<JobId> about = {},
               Frame::Turn turn = Frame::Turn::in_order) {
  Frame frame = encode(message::Answer{number, std::string(padding, 'x')});
  frame.about = std::move(about);
  frame.turn = turn;
  return frame;
}

JobId job_of(std::uint8_t number) {
  JobId id;
  id.bytes[0] = number;
  return id;
}

// The link, and the other side: takes what was handed over, in order, when the test wants it.
struct FlowLink {
  Flow flow{kFlowLimits};
  std::deque<std::string> under_way = {};
  std::size_t bytes_under_way = 0;
  std::uint64_t received = 0;
  Assembler assembler = {};
  Decoder decoder = {};
  std::vector<std::uint64_t> arrived = {};  // numbers of whole messages
  std::size_t parts = 0;

  auto send() {
    return [this](const Frame& frame) {
      bytes_under_way += frame.bytes().size();
      under_way.emplace_back(frame.bytes());
    };
  }
  void put(Frame frame) { flow.put(std::move(frame), send()); }
  // The other side reads one frame. The number of a message whose parts begin is returned.
  std::optional<std::uint64_t> read() {
    const std::string frame = std::move(under_way.front());
    under_way.pop_front();
    bytes_under_way -= frame.size();
    received += frame.size();
    const auto message = decoder.decode(frame);
    REQUIRE(message);
    if (const auto* part = std::get_if<message::Part>(&*message)) {
      ++parts;
      CHECK(part->bytes.size() <= kFlowLimits.part);
      const message::Part copy = *part;
      auto whole = assembler.add(copy);
      REQUIRE(whole);
      if (*whole) note(**whole);
      return copy.offset == 0 ? std::optional(copy.number) : std::nullopt;
    }
    note(frame);
    return std::nullopt;
  }
  void note(const std::string& frame) {
    const auto message = decoder.decode(frame);
    REQUIRE(message);
    arrived.push_back(std::get<message::Answer>(*message).number);
  }
  void acknowledge() { REQUIRE(flow.acknowledged(received, Clock::now(), send())); }
  void read_all() {
    do {
      while (!under_way.empty()) read();
      acknowledge();
    } while (!under_way.empty());
  }
};

}  // namespace

TEST_CASE("flow: short frames leave at once, in order, until the window is full") {
  FlowLink link;
  for (std::uint64_t i = 0; i < 100; ++i) link.put(frame_of(i, 90));
  CHECK(link.bytes_under_way >= 1000);
  CHECK(link.bytes_under_way < 1100);
  CHECK(link.flow.unread() > 9'000);
  link.read_all();
  REQUIRE(link.arrived.size() == 100);
  CHECK(std::is_sorted(link.arrived.begin(), link.arrived.end()));
  CHECK(link.flow.unread() == 0);
}

TEST_CASE("flow: a long message travels in parts, and later short ones pass it") {
  FlowLink link;
  link.put(frame_of(1, 10'000));
  link.put(frame_of(2, 10));
  link.put(frame_of(3, 10));
  link.read_all();
  CHECK(link.arrived == std::vector<std::uint64_t>{2, 3, 1});
  CHECK(link.parts == 11);
}

TEST_CASE("flow: the last part passes no frame that was put before it") {
  FlowLink link;
  for (std::uint64_t i = 0; i < 50; ++i) link.put(frame_of(i, 900));
  link.put(frame_of(50, 2'000));
  link.read_all();
  REQUIRE(link.arrived.size() == 51);
  CHECK(link.arrived.back() == 50);
}

TEST_CASE("flow: a frame about a job does not pass the long message about it, others do") {
  FlowLink link;
  link.put(frame_of(1, 5'000, {job_of(1)}));
  link.put(frame_of(2, 5'000, {job_of(2)}));
  link.put(frame_of(3, 10, {job_of(7), job_of(1)}));
  link.put(frame_of(4, 10, {job_of(9)}));
  link.read_all();
  REQUIRE(link.arrived.size() == 4);
  CHECK(link.arrived[0] == 4);
  const auto at = [&](std::uint64_t n) { return std::find(link.arrived.begin(), link.arrived.end(), n); };
  CHECK(at(1) < at(3));
}

TEST_CASE("flow: a barrier passes nothing, and what is urgent passes all") {
  FlowLink link;
  link.put(frame_of(1, 5'000));
  link.put(frame_of(2, 10));
  link.put(frame_of(3, 10, {}, Frame::Turn::barrier));
  link.put(frame_of(4, 10));
  link.put(frame_of(5, 10, {}, Frame::Turn::urgent));
  REQUIRE(link.under_way.size() >= 2);
  link.read_all();
  CHECK(link.arrived.front() == 5);
  CHECK(link.arrived == std::vector<std::uint64_t>{5, 2, 1, 3, 4});
}

TEST_CASE("flow: a message on hold stops, others go on, and it begins anew") {
  FlowLink link;
  link.put(frame_of(1, 20'000, {job_of(1)}));
  const auto number = link.read();
  REQUIRE(number);
  link.assembler.drop(*number);
  link.flow.hold(*number);
  link.put(frame_of(2, 10));
  link.put(frame_of(3, 10, {job_of(1)}));
  link.read_all();
  CHECK(link.arrived == std::vector<std::uint64_t>{2});
  CHECK(link.flow.unread() > 20'000);
  link.flow.go(*number, link.send());
  CHECK(link.read() != number);  // under another number, so that old parts are told from new ones
  link.read_all();
  CHECK(link.arrived == std::vector<std::uint64_t>{2, 1, 3});
  CHECK(link.flow.unread() == 0);
}

TEST_CASE("flow: messages in parts begin in their order, whoever's turn it is") {
  FlowLink link;
  link.put(frame_of(1, 5'000));
  std::vector<std::uint64_t> begun;
  const auto read = [&] {
    if (const auto number = link.read()) begun.push_back(*number);
    link.acknowledge();
  };
  for (int i = 0; i < 2; ++i) read();
  for (std::uint64_t number = 2; number <= 6; ++number) link.put(frame_of(number, 5'000));
  while (begun.size() < 6) read();
  CHECK(std::is_sorted(begun.begin(), begun.end()));
}

TEST_CASE("flow: a message that has left whole can still be put on hold until it is acknowledged") {
  FlowLink link{Flow(FlowLimits{1000, 3000, 8000, 1h})};
  link.put(frame_of(1, 1'500));
  REQUIRE(link.under_way.size() == 2);
  const auto number = link.read();
  REQUIRE(number);
  link.assembler.drop(*number);
  link.flow.hold(*number);
  link.read_all();
  CHECK(link.arrived.empty());
  link.flow.go(*number, link.send());
  link.read_all();
  CHECK(link.arrived == std::vector<std::uint64_t>{1});
}

TEST_CASE("flow: the window grows while acknowledgements are quick, and shrinks when they are slow") {
  FlowLink link;
  link.put(frame_of(1, 200'000));
  const auto exchange = [&](std::chrono::milliseconds after) {
    while (!link.under_way.empty()) link.read();
    REQUIRE(link.flow.acknowledged(link.received, Clock::now() + after, link.send()));
  };
  for (int i = 0; i < 5; ++i) exchange(0ms);
  CHECK(link.flow.window() == 8'000);
  for (int i = 0; i < 5; ++i) exchange(3h);
  CHECK(link.flow.window() == 1'000);
}

TEST_CASE("flow: nobody can acknowledge what was not sent") {
  FlowLink link;
  link.put(frame_of(1, 10));
  CHECK_FALSE(link.flow.acknowledged(1'000'000, Clock::now(), link.send()));
  CHECK(link.flow.acknowledged(0, Clock::now(), link.send()));
}

TEST_CASE("flow: at the end all leaves, whatever the window, what is on hold and what waits behind a barrier too") {
  FlowLink link;
  link.put(frame_of(1, 20'000, {job_of(1)}));
  const auto number = link.read();
  REQUIRE(number);
  link.assembler.drop(*number);
  link.flow.hold(*number);
  link.put(frame_of(2, 10, {job_of(1)}));
  link.put(frame_of(3, 10, {}, Frame::Turn::barrier));
  link.flow.finish(link.send());
  while (!link.under_way.empty()) link.read();
  std::vector<std::uint64_t> all = link.arrived;
  std::sort(all.begin(), all.end());
  CHECK(all == std::vector<std::uint64_t>{1, 2, 3});
  CHECK(link.flow.unread() == 0);
}

TEST_CASE("flow: whatever comes in whatever order, everything arrives once and nothing passes what it must not") {
  const auto seed = GENERATE(range(0U, 60U));
  std::mt19937 random(seed);
  const auto dice = [&](std::uint32_t most) { return std::uniform_int_distribution<std::uint32_t>(0, most)(random); };
  FlowLink link;
  struct Put {
    std::optional<std::uint8_t> job;
    bool is_long;
    bool is_barrier;
  };
  std::vector<Put> put;
  std::vector<std::uint64_t> held;
  for (int step = 0; step < 400; ++step) {
    const auto what = dice(9);
    if (what < 4) {
      const bool is_long = dice(3) == 0;
      const bool is_barrier = !is_long && dice(9) == 0;
      const auto job = static_cast<std::uint8_t>(dice(5));
      const bool has_job = !is_barrier && dice(1) == 0;
      link.put(frame_of(put.size(), is_long ? 1'001 + dice(6'000) : dice(900),
                        has_job ? std::vector{job_of(job)} : std::vector<JobId>{},
                        is_barrier ? Frame::Turn::barrier : Frame::Turn::in_order));
      put.push_back({has_job ? std::optional(job) : std::nullopt, is_long, is_barrier});
    } else if (what < 8) {
      if (link.under_way.empty()) continue;
      const auto begun = link.read();
      if (begun && link.assembler.contains(*begun) && dice(4) == 0) {
        link.assembler.drop(*begun);
        link.flow.hold(*begun);
        held.push_back(*begun);
      }
    } else if (what == 8) {
      link.acknowledge();
    } else if (!held.empty()) {
      link.flow.go(held.back(), link.send());
      held.pop_back();
    }
    // The window, what may exceed it, and frames that waited for a message that has arrived.
    REQUIRE(link.bytes_under_way <= 8'000 + 3 * 1'100 + 3 * 1'000);
  }
  for (int rounds = 0; link.flow.unread() > 0 && rounds < 10'000; ++rounds) {
    for (const std::uint64_t number : std::exchange(held, {})) link.flow.go(number, link.send());
    while (!link.under_way.empty()) link.read();
    link.acknowledge();
  }
  REQUIRE(link.arrived.size() == put.size());
  std::vector<std::size_t> place(put.size(), put.size());
  for (std::size_t i = 0; i < link.arrived.size(); ++i) {
    REQUIRE(place[link.arrived[i]] == put.size());
    place[link.arrived[i]] = i;
  }
  for (std::size_t later = 0; later < put.size(); ++later) {
    for (std::size_t earlier = 0; earlier < later; ++earlier) {
      const bool is_in_order = !put[earlier].is_long && !put[later].is_long && !put[earlier].job && !put[later].job;
      const bool is_about_it =
          put[earlier].is_long && !put[later].is_long && put[later].job && put[earlier].job == put[later].job;
      const bool is_behind = put[later].is_barrier;
      if (is_in_order || is_about_it || is_behind) {
        INFO("seed " << seed << ": " << later << " must not pass " << earlier << (is_in_order ? ": order" : "")
                     << (is_about_it ? ": the same job" : "") << (is_behind ? ": a barrier" : ""));
        REQUIRE(place[earlier] < place[later]);
      }
    }
  }
}

TEST_CASE("assembler: parts that are missing, come twice or are too many drop their message") {
  Assembler assembler;
  REQUIRE_FALSE(*assembler.add({1, 0, 10, "abcde"}));
  CHECK_FALSE(assembler.add({1, 6, 10, "fghi"}));
  CHECK_FALSE(assembler.contains(1));
  REQUIRE_FALSE(*assembler.add({1, 5, 10, "fghij"}));  // ignored: its beginning was dropped
  CHECK(assembler.size() == 0);
  REQUIRE_FALSE(*assembler.add({2, 0, 10, "abcde"}));
  CHECK(**assembler.add({2, 5, 10, "fghij"}) == "abcdefghij");
  REQUIRE_FALSE(*assembler.add({3, 0, 10, "abcde"}));
  CHECK_FALSE(assembler.add({3, 5, 11, "fghij"}));
  for (std::uint64_t i = 0; i < Assembler::kMost; ++i) REQUIRE(assembler.add({i, 0, 10, "a"}));
  CHECK_FALSE(assembler.add({99, 0, 10, "a"}));
}
