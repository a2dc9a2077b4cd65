#include "webfront/job_feed.h"

#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_broker.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <future>
#include <optional>

// What a reader of a job's events gets from the session when it can take it.
using namespace zebu;
using namespace zebu::test;
using namespace std::chrono_literals;
using webfront::Gateway;
using webfront::JobFeed;

namespace {

// A gateway in a loop of its own; the test is its broker. It keeps at most `room` bytes for a reader.
class FeedYard {
 public:
  FeedYard() {
    gateway.emplace(loop, context, ClientOptions{.broker = broker.endpoint()});
    if (!gateway->start()) throw std::runtime_error("bad endpoint");
    running_ = std::async(std::launch::async, [this] { loop.run(); });
    broker.welcome();
    bool is_up = false;
    REQUIRE(eventually([&] { return call([&] { is_up = gateway->is_up(); }), is_up; }));
    follow(feed, job);
    CHECK(next(feed).needs_look);
  }
  ~FeedYard() {
    call([&] {
      feed.reset();
      mark_.reset();
      gateway->close();
    });
    running_.wait();
  }
  FeedYard(const FeedYard&) = delete;
  FeedYard& operator=(const FeedYard&) = delete;

  template <class Call>
  void call(Call&& what) {
    std::promise<void> done;
    boost::asio::post(loop, [&] {
      what();
      done.set_value();
    });
    done.get_future().get();
  }
  JobFeed::News next(std::optional<JobFeed>& of) {
    std::promise<JobFeed::News> news;
    const auto take = [&]() -> boost::asio::awaitable<void> {
      const TimePoint deadline = Clock::now() + scaled(10s);
      news.set_value(co_await of->next(deadline));
    };
    boost::asio::co_spawn(loop, take, boost::asio::detached);
    return news.get_future().get();
  }
  // Returns when all that the broker has said is heard: it comes in order.
  void settle() {
    const JobId id = Uuid::make();
    follow(mark_, id);
    broker.say(message::Done{{{id, 1, JobState::succeeded, "\x07", {}, 1ms}}});
    while (!next(mark_).outcome) continue;
    call([&] { mark_.reset(); });
  }
  void report(std::uint64_t number, std::uint64_t offset, const std::string& output, std::uint32_t attempt = 1) {
    message::ProgressReport report;
    report.id = job;
    report.attempt = attempt;
    report.note = "note";
    report.output = output;
    report.offset = offset;
    report.number = number;
    broker.say(message::ProgressReports{{report}});
  }

  FakeBroker broker;
  boost::asio::io_context loop{1};
  SocketContext context;
  std::optional<Gateway> gateway;
  Interrupt interrupt;
  JobId job = Uuid::make();
  std::size_t room = 1000;
  std::optional<JobFeed> feed;

 private:
  void follow(std::optional<JobFeed>& to, const JobId& id) {
    call([&] {
      to.emplace(
          *gateway, id, webfront::json::JobGlance{JobState::running, 1},
          [this](std::size_t bytes) { return bytes <= room; }, interrupt);
    });
  }

  std::optional<JobFeed> mark_;
  std::future<void> running_;
};

}  // namespace

TEST_CASE("reports that come together become one") {
  FeedYard yard;
  for (std::uint64_t i = 0; i < 100; ++i) yard.report(i + 1, 2 * i, "x\n");
  yard.settle();
  const auto news = yard.next(yard.feed);
  REQUIRE(news.report);
  CHECK(news.report->attempt == 1);
  CHECK(news.report->progress.number == 100);
  CHECK(news.report->progress.output.size() == 200);
  CHECK_FALSE(news.needs_look);
}

TEST_CASE("of a reader that is busy only the newest waits, and the rest is asked of the broker") {
  FeedYard yard;
  std::optional<JobFeed::Busy> busy;
  yard.call([&] { busy.emplace(*yard.feed); });
  const std::string output(600, 'x');
  for (std::uint64_t i = 0; i < 100; ++i) yard.report(i + 1, 600 * i, output);
  yard.settle();
  yard.call([&] { busy.reset(); });
  const auto news = yard.next(yard.feed);
  CHECK(news.needs_look);
  REQUIRE(news.report);
  CHECK(news.report->progress.number == 100);
  CHECK(news.report->progress.note == "note");
  CHECK(news.report->progress.output.size() <= yard.room);
  CHECK(news.report->progress.offset + news.report->progress.output.size() == 60'000);
}

TEST_CASE("an outcome for which there is no room is not kept") {
  FeedYard yard;
  const std::string large = "\xdb" + std::string("\x00\x00\x10\x00", 4) + std::string(4096, 'x');
  yard.broker.say(message::Done{{{yard.job, 1, JobState::succeeded, large, {}, 1ms}}});
  yard.settle();
  const auto news = yard.next(yard.feed);
  CHECK(news.is_too_large);
  CHECK_FALSE(news.outcome);
}

TEST_CASE("a feed says that the broker is away, and asks again when it is back") {
  FeedYard yard;
  yard.report(1, 0, "x\n");
  yard.settle();
  yard.broker.say(message::ErrorReport{ErrorCode::no_session, "say HELLO first"});
  JobFeed::News news;
  while (!news.is_away && !news.needs_look) news = yard.next(yard.feed);
  // Behind what it has said before.
  while (!std::holds_alternative<message::Hello>(yard.broker.hear()->message)) continue;
  message::Welcome welcome;
  welcome.instance = Uuid::make();
  welcome.grant = 100;
  welcome.beat = 1s;
  welcome.liveness = scaled(5s);
  welcome.max_message = message::kDefaultMaxMessage;
  welcome.max_part = 1U << 30;
  yard.broker.say(welcome);
  while (!news.needs_look) news = yard.next(yard.feed);
  CHECK_FALSE(news.is_away);
}
