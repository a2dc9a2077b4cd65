#include "tests/support/catch.h"
#include "tests/support/fake_broker.h"
#include "tests/support/paths.h"
#include "tests/support/stack.h"

#include <csignal>
#include <regex>

using namespace zebu;
using namespace zebu::test;
using namespace std::chrono_literals;

namespace {

StackOptions without_webfront() {
  StackOptions options;
  options.with_webfront = false;
  return options;
}

std::string id_in(const std::string& text) {
  static const std::regex form("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}");
  std::smatch found;
  return std::regex_search(text, found, form) ? found[0].str() : std::string();
}

}  // namespace

TEST_CASE("submit --wait says which job waits and why, when somebody comes, and gives the result") {
  Stack stack(without_webfront());
  Process submit = stack.start_producer({"submit", "echo", "5", "--queue", "nobody", "--wait"});
  const std::string id = id_in(submit.wait_for_error_line("zebu-producer: job "));
  CHECK_FALSE(id.empty());
  submit.wait_for_error_line("waiting: no consumer serves queue 'nobody'");
  stack.add_consumer({"--queues", "nobody"});
  CHECK(submit.wait_exit().code == 0);
  CHECK(submit.out() == "5\n");
}

TEST_CASE("submit --wait says that a queue is paused, and when it is served again") {
  Stack stack(without_webfront());
  REQUIRE(stack.produce({"pause", "default", "--reason", "the disk is full"}).exit.code == 0);
  Process submit = stack.start_producer({"submit", "sleep", "3000", "--wait"});
  submit.wait_for_error_line("waiting: queue 'default' is paused: the disk is full");
  REQUIRE(stack.produce({"resume", "default"}).exit.code == 0);
  submit.wait_for_error_line("queue 'default' is served now");
  CHECK(submit.wait_exit().code == 0);
}

TEST_CASE("Ctrl-C ends submit --wait at once, and says how to find the job, which goes on") {
  Stack stack(without_webfront());
  Process submit = stack.start_producer({"submit", "echo", "5", "--queue", "nobody", "--wait"});
  const std::string id = id_in(submit.wait_for_error_line("zebu-producer: job "));
  submit.signal(SIGINT);
  CHECK(submit.wait_exit(5s).signal == SIGINT);
  CHECK(submit.err().find("job " + id + " goes on: zebu-producer wait " + id + "\n") != std::string::npos);
  stack.add_consumer({"--queues", "nobody"});
  CHECK(stack.produce({"wait", id}).out == "5\n");
}

TEST_CASE("Ctrl-C ends submit --count --wait, and says how to find the jobs") {
  Stack stack(without_webfront());
  Process submit = stack.start_producer({"submit", "echo", "5", "--queue", "nobody", "--count", "1000", "--wait"});
  submit.wait_for_error_line("waiting: no consumer serves queue 'nobody'");
  submit.signal(SIGINT);
  CHECK(submit.wait_exit(5s).signal == SIGINT);
  CHECK(submit.err().find("stopped: 1,000 of 1,000 jobs have not ended; those that were go on: zebu-producer list "
                          "--queue nobody --task echo\n") != std::string::npos);
}

TEST_CASE("a timeout of many jobs says how many have not ended") {
  Stack stack(without_webfront());
  const Finished late =
      stack.produce({"submit", "echo", "5", "--queue", "nobody", "--count", "20", "--wait", "--timeout", "300ms"});
  CHECK(late.exit.code == 1);
  CHECK(late.err.find("20 of 20 jobs have not ended within 300ms: ") != std::string::npos);
}

TEST_CASE("a timeout passes, and Ctrl-C ends the wait, while a client at its limit waits for room") {
  const auto submits_200_000 = [](const FakeBroker& broker, const std::string& timeout) {
    return Process({program("zebu-producer"), "--broker", broker.endpoint(), "submit", "echo", "1", "--count", "200000",
                    "--wait", "--timeout", timeout});
  };
  FakeBroker broker;  // it answers none of the 100,000 that may be unanswered
  Process late = submits_200_000(broker, "1s");
  broker.welcome();
  CHECK(late.wait_exit().code == 1);
  CHECK(late.err().find("200,000 of 200,000 jobs have not ended within 1s: ") != std::string::npos);

  FakeBroker other;
  Process stopped = submits_200_000(other, "1h");
  other.welcome();
  static_cast<void>(other.hear_a<message::Submit>());
  stopped.signal(SIGINT);
  CHECK(stopped.wait_exit(5s).signal == SIGINT);
  CHECK(stopped.err().find("stopped: 200,000 of 200,000 jobs have not ended; ") != std::string::npos);
}

TEST_CASE("a job that nobody accepted is not said to go on") {
  FakeBroker broker;
  const std::vector<std::string> command = {program("zebu-producer"),
                                            "--broker",
                                            broker.endpoint(),
                                            "--connect-timeout",
                                            "1m",
                                            "submit",
                                            "echo",
                                            "1",
                                            "--wait"};
  std::vector<std::string> with_timeout = command;
  with_timeout.insert(with_timeout.end(), {"--timeout", "300ms"});
  Process late(with_timeout);
  broker.welcome();
  CHECK(late.wait_exit().code == 1);
  CHECK(late.err().find(" was not accepted within 300ms, and may never run: zebu-producer status ") !=
        std::string::npos);
  CHECK(late.err().find("continues") == std::string::npos);

  FakeBroker other;
  std::vector<std::string> without = command;
  without[2] = other.endpoint();
  Process stopped(without);
  other.welcome();
  static_cast<void>(other.hear_a<message::Submit>());
  stopped.signal(SIGINT);
  CHECK(stopped.wait_exit().signal == SIGINT);
  CHECK(stopped.err().find(" was not accepted yet, and may never run: zebu-producer status ") != std::string::npos);
}

TEST_CASE("submit --wait says that the broker does not answer any more") {
  Stack stack(without_webfront());
  Process submit = stack.start_producer({"submit", "echo", "1", "--queue", "nobody", "--wait"});
  submit.wait_for_error_line("waiting: no consumer serves queue 'nobody'");
  stack.broker().signal(SIGSTOP);
  submit.wait_for_error_line("waiting: the broker at ");
  submit.signal(SIGINT);
  CHECK(submit.wait_exit(5s).signal == SIGINT);
  stack.broker().signal(SIGCONT);
}

TEST_CASE("pause says so of a queue that nobody knows, and of no other") {
  Stack stack(without_webfront());
  const Finished unknown = stack.produce({"pause", "nosuch"});
  CHECK(unknown.exit.code == 0);
  CHECK(unknown.out == "queue nosuch is paused: running jobs continue, no new ones start\n");
  CHECK(unknown.err == "zebu-producer: queue 'nosuch' has no jobs and no consumers; it is paused all the same\n");
  CHECK(stack.produce({"pause", "default"}).err.empty());
}

TEST_CASE("one job is not 1 jobs") {
  Stack stack(without_webfront());
  REQUIRE(stack.produce({"submit", "echo", "1", "--queue", "idle"}).exit.code == 0);
  CHECK(stack.produce({"purge", "idle", "--yes"}).out == "1 job of queue idle is cancelled\n");
  CHECK(stack.produce({"ping"}).out.find(" 1 consumer,") != std::string::npos);
}
