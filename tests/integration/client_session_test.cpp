#include "zebu/client_session.h"

#include "tests/support/catch.h"
#include "tests/support/fake_broker.h"
#include "zebu/awaitable.h"
#include "zebu/convert.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <future>

using namespace zebu;
using namespace zebu::test;
using namespace std::chrono_literals;

namespace {

JobRequest fib_request() { return {"fib", pack_args(1)}; }

// A session in a loop of its own; the test is its broker.
struct SessionYard {
  explicit SessionYard(ClientOptions options = {}) {
    options.broker = broker.endpoint();
    session.emplace(loop, context, std::move(options));
  }
  ~SessionYard() {
    boost::asio::post(loop, [this] { session->close(); });
    if (running.valid()) running.wait();
  }
  void start() {
    if (!session->start()) throw std::runtime_error("bad endpoint");
    running = std::async(std::launch::async, [this] { loop.run(); });
  }
  template <class Call>
  void call(Call&& what) {
    std::promise<void> done;
    boost::asio::post(loop, [&] {
      what();
      done.set_value();
    });
    done.get_future().get();
  }

  FakeBroker broker;
  boost::asio::io_context loop{1};
  SocketContext context;
  std::optional<ClientSession> session;
  std::future<void> running;
};

}  // namespace

TEST_CASE("a session refuses what is beyond its limit, and takes more when a job was cancelled before it left") {
  ClientOptions options;
  options.max_unanswered_jobs = 2;
  SessionYard yard(options);
  yard.start();
  std::promise<Error> refused;
  std::promise<Result<Outcome>> ended;
  JobId first;
  yard.call([&] {
    const auto ticket =
        yard.session->submit(fib_request(), nullptr, [&](const Result<Outcome>& outcome) { ended.set_value(outcome); });
    first = ticket.job;
    yard.session->submit(fib_request(), nullptr, nullptr);
    yard.session->submit(
        fib_request(), [&](const Result<JobId>& accepted) { refused.set_value(accepted.error()); }, nullptr);
  });
  const Error why = refused.get_future().get();
  CHECK(why.code == ErrorCode::client_full);
  CHECK(why.retry_after > 0ms);
  CHECK(yard.session->unanswered_jobs() == 2);
  yard.call([&] { yard.session->cancel(first); });
  CHECK(ended.get_future().get().value().state == JobState::cancelled);
  CHECK(yard.session->unanswered_jobs() == 1);
}

TEST_CASE("who leaves before it hears of a refusal is not called") {
  ClientOptions options;
  options.max_unanswered_jobs = 0;
  SessionYard yard(options);
  yard.start();
  std::vector<std::string> heard;
  std::promise<void> last;
  const auto submit = [&](const std::string& name) {
    return yard.session->submit(
        fib_request(), [&heard, name](const Result<JobId>&) { heard.push_back(name + " refused"); },
        [&heard, &last, name](const Result<Outcome>&) {
          heard.push_back(name + " ended");
          last.set_value();
        });
  };
  yard.call([&] {
    const auto left = submit("left");
    submit("stayed");
    yard.session->leave(left);
    const PendingJob gone(*yard.session, Uuid::make(), fib_request());
  });
  last.get_future().get();
  CHECK(heard == std::vector<std::string>{"stayed refused", "stayed ended"});
  yard.call([&] {
    yard.session->close();
    yard.session->leave(yard.session->wait(Uuid::make(), [&](const Result<Outcome>&) { heard.push_back("a wait"); }));
  });
  yard.running.wait();  // the loop has nothing more to do
  CHECK(heard.size() == 2);
}

TEST_CASE("an id that is submitted again while it is under way is one submission, and each call gets its answers") {
  SessionYard yard;
  yard.start();
  yard.broker.welcome(1);
  const JobId id = Uuid::make();
  std::promise<void> both_accepted;
  std::promise<void> both_ended;
  int accepted = 0;
  int ended = 0;
  const auto on_accepted = [&](const Result<JobId>& answer) {
    if (answer && *answer == id && ++accepted == 2) both_accepted.set_value();
  };
  const auto on_outcome = [&](const Result<Outcome>& outcome) {
    if (outcome && ++ended == 2) both_ended.set_value();
  };
  yard.call([&] { yard.session->submit(id, fib_request(), on_accepted, on_outcome); });
  CHECK(yard.broker.hear_submit() == id);
  yard.call([&] { yard.session->submit(id, fib_request(), on_accepted, on_outcome); });
  CHECK(yard.session->unanswered_jobs() == 1);
  yard.broker.say(message::Accepted{{id}});
  REQUIRE(both_accepted.get_future().wait_for(scaled(5s)) == std::future_status::ready);
  yard.broker.say(message::Done{{{id, 1, JobState::succeeded, "\x07", {}, 1ms}}});
  REQUIRE(both_ended.get_future().wait_for(scaled(5s)) == std::future_status::ready);
  // The grant of one job is free again.
  const JobId next = Uuid::make();
  yard.call([&] { yard.session->submit(next, fib_request(), nullptr, nullptr); });
  CHECK(yard.broker.hear_submit() == next);
}

TEST_CASE("an id that is submitted again after it was attached to another job is that job, with all its handlers") {
  SessionYard yard;
  yard.start();
  yard.broker.welcome();
  const JobId id = Uuid::make();
  const JobId other = Uuid::make();
  std::promise<JobId> first;
  std::promise<JobId> second;
  std::promise<void> noted;
  std::promise<void> both_ended;
  int ended = 0;
  const auto on_outcome = [&](const Result<Outcome>&) {
    if (++ended == 2) both_ended.set_value();
  };
  yard.call([&] {
    yard.session->submit(
        id, fib_request(), [&](const Result<JobId>& as) { first.set_value(*as); }, on_outcome);
  });
  CHECK(yard.broker.hear_submit() == id);
  yard.broker.say(message::Attached{{{id, other}}});
  CHECK(first.get_future().get() == other);
  CHECK(yard.broker.hears_about<message::Wait>(other));
  yard.call([&] {
    const auto ticket = yard.session->submit(
        id, fib_request(), [&](const Result<JobId>& as) { second.set_value(*as); }, on_outcome);
    yard.session->on_progress(ticket, [&](std::uint32_t, const Progress&) { noted.set_value(); });
  });
  CHECK(second.get_future().get() == other);
  yard.broker.say(message::ProgressReports{{{other, 1, 0.5, "half", "", 0, 1}}});
  yard.broker.say(message::Done{{{other, 1, JobState::succeeded, "\x07", {}, 1ms}}});
  REQUIRE(both_ended.get_future().wait_for(scaled(5s)) == std::future_status::ready);
  CHECK(noted.get_future().wait_for(0s) == std::future_status::ready);
}

TEST_CASE("a job that is submitted after a wait for it is not unknown because the wait was") {
  SessionYard yard;
  yard.start();
  yard.broker.welcome();
  const JobId id = Uuid::make();
  std::promise<Result<Outcome>> waited;
  yard.call([&] { yard.session->wait(id, [&](const Result<Outcome>& outcome) { waited.set_value(outcome); }); });
  CHECK(yard.broker.hears_about<message::Wait>(id));
  yard.call([&] { yard.session->submit(id, fib_request(), nullptr, nullptr); });
  CHECK(yard.broker.hear_submit() == id);
  yard.broker.say(message::Unknown{{id}});  // the answer to WAIT
  yard.broker.say(message::Accepted{{id}});
  yard.broker.say(message::Done{{{id, 1, JobState::succeeded, "\x07", {}, 1ms}}});
  auto future = waited.get_future();
  REQUIRE(future.wait_for(scaled(5s)) == std::future_status::ready);
  const auto outcome = future.get();
  CHECK(outcome.value().state == JobState::succeeded);
}

TEST_CASE("a session may be closed by its handler of the session's end") {
  SessionYard yard;
  std::promise<void> closed;
  yard.session->on_change([&](const Error* why) {
    if (why == nullptr) return;
    yard.session->close();
    closed.set_value();
  });
  yard.start();
  yard.broker.welcome();
  yard.broker.say(message::ErrorReport{ErrorCode::no_session, "say HELLO first"});
  REQUIRE(closed.get_future().wait_for(scaled(5s)) == std::future_status::ready);
  yard.running.get();  // throws what a handler threw
}

TEST_CASE("a session that has much to read lets its loop's other handlers have their turn") {
  constexpr std::size_t kEach = 60'000;
  constexpr int kMessages = 200;
  SessionYard yard;
  yard.start();
  yard.broker.welcome();
  std::size_t read = 0;
  std::size_t read_before = 0;
  std::size_t most = 0;
  std::promise<void> all_read;
  JobId id;
  yard.call([&] {
    const auto ticket = yard.session->submit(fib_request(), nullptr, [](const Result<Outcome>&) {});
    yard.session->on_progress(ticket, [&](std::uint32_t, const Progress& progress) {
      read += progress.output.size();
      if (read == kEach * kMessages) all_read.set_value();
    });
    id = ticket.job;
  });
  CHECK(yard.broker.hear_submit() == id);
  // While the loop is held up, all of it arrives.
  std::promise<void> all_said;
  boost::asio::post(yard.loop, [&] { all_said.get_future().wait(); });
  const std::string output(kEach, 'x');
  for (int i = 0; i < kMessages; ++i) {
    yard.broker.say(message::ProgressReports{{{id, 1, 0.5, "", output, kEach * static_cast<std::size_t>(i), 1}}});
  }
  std::function<void()> turn = [&] {
    most = std::max(most, read - std::exchange(read_before, read));
    if (read < kEach * kMessages) boost::asio::post(yard.loop, turn);
  };
  boost::asio::post(yard.loop, turn);
  all_said.set_value();
  REQUIRE(all_read.get_future().wait_for(scaled(20s)) == std::future_status::ready);
  yard.call([] {});
  CHECK(most <= (512U << 10) + kEach);
}
