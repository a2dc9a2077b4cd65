#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/json_lines.h"
#include "tests/support/stack.h"
#include "tests/support/text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <set>

using namespace zebu::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

StackOptions with(int consumers = 1) {
  StackOptions options;
  options.consumers = consumers;
  options.consumer = {"--slots", "2", "--test-tasks"};
  options.with_webfront = false;
  return options;
}

Json status(const Stack& stack, const std::string& id) {
  const auto lines = json_lines(stack.produce({"status", id, "--output", "json"}).out);
  REQUIRE(lines.size() == 1);
  return lines[0];
}

Json queue(const Stack& stack, const std::string& name) {
  for (const Json& queue : Json::parse(stack.produce({"queues", "--output", "json"}).out)) {
    if (queue["name"] == name) return queue;
  }
  return nullptr;
}

std::int64_t unix_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace

TEST_CASE("a job's options come from submit to status") {
  const Stack stack(with());
  const std::int64_t before = unix_ms();
  const std::string id =
      submitted(stack, {"echo", "1", "--priority", "7", "--delay", "1h", "--retries", "3", "--expires-in", "2h",
                        "--unique", "key", "--header", "a=b", "--header", "c=d=e"});
  const Json job = status(stack, id);
  CHECK(job["state"] == "scheduled");
  CHECK(job["priority"] == 7);
  CHECK(job["retries"] == 3);
  CHECK(job["unique"] == "key");
  CHECK(job["headers"] == Json({{"a", "b"}, {"c", "d=e"}}));
  CHECK(job["due_ms"].get<std::int64_t>() >= before + 3'600'000);
  CHECK(job["due_ms"].get<std::int64_t>() <= unix_ms() + 3'600'000);
  CHECK(job["expires_ms"].get<std::int64_t>() >= before + 7'200'000);
  const std::string text = stack.produce({"status", id}).out;
  for (const char* line : {"state      scheduled\n", "priority   7\n", "\ndue        2", "header     a=b\n"}) {
    INFO(line << "in\n" << text);
    CHECK(text.find(line) != std::string::npos);
  }
  CHECK(stack.produce({"cancel", id}).out == id + "  cancelled\n");
}

TEST_CASE("submit --run-at in the past starts at once, and --expires-in ends a job that has not started") {
  const Stack stack(with());
  const Finished past = stack.produce({"submit", "echo", "hello", "--run-at", "2020-01-01T00:00:00Z", "--wait"});
  CHECK(past.out == "hello\n");
  const Finished expired = stack.produce({"submit", "echo", "1", "--queue", "idle", "--expires-in", "100ms", "--wait"});
  CHECK(expired.exit.code == 1);
  CHECK(expired.err.ends_with(" expired: it did not start in time\n"));
}

TEST_CASE("a job that expires while its retry waits is reported as expired") {
  const Stack stack(with());
  const Finished expired = stack.produce(
      {"submit", "fail", "boom", "--retries", "1", "--retry-delay", "1h", "--expires-in", "500ms", "--wait"});
  CHECK(expired.exit.code == 1);
  CHECK(expired.err.ends_with(" expired: it did not start in time\n"));
}

TEST_CASE("a failed attempt's error is shown while its retry waits") {
  const Stack stack(with());
  const std::string id = submitted(stack, {"fail", "boom", "--retries", "1", "--retry-delay", "1h"});
  REQUIRE(eventually([&] { return status(stack, id)["state"] == "scheduled" && status(stack, id)["failures"] == 1; }));
  const std::string text = stack.produce({"status", id}).out;
  CHECK(text.find("last error std::runtime_error: boom") != std::string::npos);
  CHECK(text.find("failures   1, 1 retry allowed") != std::string::npos);
}

TEST_CASE("the second job with a unique key is the first one") {
  const Stack stack(with());
  const std::string first = submitted(stack, {"echo", "first", "--unique", "k", "--delay", "500ms"});
  CHECK(submitted(stack, {"echo", "second", "--unique", "k"}) == first);
  CHECK(stack.produce({"submit", "echo", "third", "--unique", "k", "--wait"}).out == "first\n");
  const std::string by_args = submitted(stack, {"echo", "[1]", "--unique-by-args", "--unique-for", "1h"});
  CHECK(stack.produce({"wait", by_args}).exit.code == 0);
  CHECK(submitted(stack, {"echo", "[1]", "--unique-by-args"}) == by_args);
  CHECK(submitted(stack, {"echo", "[2]", "--unique-by-args"}) != by_args);
}

TEST_CASE("the oldest failed jobs of a queue that has too many are forgotten, and the broker says so") {
  StackOptions options = with();
  options.broker = {"--failed-limit", "10"};
  Stack stack(options);
  const std::string first = submitted(stack, {"fail", "boom"});
  REQUIRE(stack.produce({"wait", first}).exit.code == 1);
  REQUIRE(eventually([&] { return status(stack, first)["state"] == "failed"; }));
  REQUIRE(stack.produce({"submit", "fail", "boom", "--count", "40", "--wait"}).exit.code == 1);
  const auto count = [&](const std::string& key) -> Json {
    return Json::parse(stack.produce({"ping", "--output", "json"}).out)["totals"][key];
  };
  CHECK(eventually([&] { return count("forgotten_failed") == 31; }));
  CHECK(json_lines(stack.produce({"list", "--state", "failed", "--output", "json"}).out).size() == 10);
  CHECK(stack.produce({"status", first}).exit.code == 1);
  CHECK(stack.broker().wait_for_error_line("oldest failed jobs of queue default: it had too many") != "");
}

TEST_CASE("the same unique key in another queue is another job") {
  const Stack stack(with());
  const std::string first = submitted(stack, {"echo", "1", "--unique", "k", "--delay", "1h"});
  const std::string elsewhere = submitted(stack, {"echo", "2", "--unique", "k", "--queue", "reports", "--delay", "1h"});
  CHECK(elsewhere != first);
  CHECK(submitted(stack, {"echo", "3", "--unique", "k", "--queue", "reports"}) == elsewhere);
  CHECK(submitted(stack, {"echo", "4", "--unique", "k"}) == first);
}

TEST_CASE("list pages through all jobs, and filters") {
  const Stack stack(with());
  CHECK(stack.produce({"list"}).out == "no jobs found\n");
  REQUIRE(stack.produce({"submit", "echo", "1", "--queue", "idle", "--count", "2500"}).exit.code == 0);
  const std::string done = submitted(stack, {"echo", "1"});
  REQUIRE(stack.produce({"wait", done}).exit.code == 0);
  std::set<std::string> ids;
  for (const Json& job : json_lines(stack.produce({"list", "--queue", "idle", "--all", "--output", "json"}).out)) {
    CHECK(job["state"] == "queued");
    ids.insert(job["id"]);
  }
  CHECK(ids.size() == 2'500);
  CHECK(json_lines(stack.produce({"list", "--limit", "1700", "--output", "json"}).out).size() == 1'700);
  const auto ended = json_lines(stack.produce({"list", "--state", "succeeded", "--output", "json"}).out);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0]["id"] == done);
  CHECK(stack.produce({"list", "--task", "other"}).out == "no jobs found\n");
  const std::string table = stack.produce({"list", "--limit", "2000"}).out;
  CHECK(table.starts_with("ID "));
  CHECK(std::count(table.begin(), table.end(), '\n') == 2'001);
}

TEST_CASE("retry makes new jobs of failed ones") {
  const Stack stack(with());
  const std::string id = submitted(stack, {"fail", "boom"});
  CHECK(stack.produce({"wait", id}).exit.code == 1);
  const Finished retried = stack.produce({"retry", id});
  CHECK(retried.exit.code == 0);
  REQUIRE(retried.out.starts_with(id + " -> "));
  const std::string again = first_line(retried.out.substr(id.size() + 4));
  CHECK(again != id);
  CHECK(stack.produce({"wait", again}).exit.code == 1);
  CHECK(stack.produce({"list", "--state", "failed", "--limit", "9"}).out.find("boom") != std::string::npos);

  const std::string fine = submitted(stack, {"echo", "1"});
  CHECK(stack.produce({"wait", fine}).exit.code == 0);
  const Finished some = stack.produce({"retry", kUnknown, again, fine});
  CHECK(some.exit.code == 1);
  CHECK(some.out.starts_with(again + " -> "));
  CHECK(some.err == "zebu-producer: job " + kUnknown +
                        " is not retried: the broker does not know it\nzebu-producer: job " + fine +
                        " is not retried: it is succeeded\n");
  const std::string last = first_line(some.out.substr(again.size() + 4));
  CHECK(stack.produce({"wait", last}).exit.code == 1);
  const Finished twice = stack.produce({"retry", last, last});
  CHECK(twice.exit.code == 1);
  CHECK(twice.out.starts_with(last + " -> "));
  CHECK(twice.err ==
        "zebu-producer: job " + last + " is not retried: it was forgotten, or another job has its unique key now\n");
}

TEST_CASE("retry finds all failed jobs, or those of a queue") {
  const Stack stack(with());
  const std::string last = submitted(stack, {"fail", "boom"});
  CHECK(stack.produce({"wait", last}).exit.code == 1);
  CHECK(stack.produce({"retry", "--queue", "other"}).out == "0 failed jobs are queued again\n");
  CHECK(stack.produce({"retry", "--all-failed"}).out == "1 failed job is queued again\n");
}

TEST_CASE("purge wants a yes, ends queued jobs, and forgets failed ones") {
  const Stack stack(with());
  REQUIRE(stack.produce({"submit", "echo", "1", "--queue", "idle", "--count", "3"}).exit.code == 0);
  submitted(stack, {"echo", "1", "--queue", "idle", "--delay", "1h"});
  CHECK(stack.produce({"purge", "idle"}).exit.code == 2);
  CHECK(queue(stack, "idle")["queued"] == 3);
  CHECK(stack.produce({"purge", "idle", "--yes"}).exit.code == 0);
  CHECK(eventually([&] {
    return json_lines(stack.produce({"list", "--state", "cancelled", "--output", "json"}).out).size() == 4;
  }));

  const std::string failed = submitted(stack, {"fail", "boom"});
  CHECK(stack.produce({"wait", failed}).exit.code == 1);
  CHECK(stack.produce({"purge", "default", "--state", "failed", "--yes"}).exit.code == 0);
  CHECK(eventually([&] { return status(stack, failed)["state"] == "unknown"; }));
}

TEST_CASE("pause holds a queue back, says why, and resume ends it") {
  const Stack stack(with());
  CHECK(stack.produce({"pause", "default", "--reason", "the disk is full"}).exit.code == 0);
  const std::string held = submitted(stack, {"echo", "1"});
  CHECK(stack.produce({"wait", held, "--timeout", "300ms"}).exit.code == 1);
  CHECK(status(stack, held)["state"] == "queued");
  CHECK(queue(stack, "default")["paused"] == true);
  CHECK(stack.produce({"queues"}).out.find("the disk is full") != std::string::npos);
  CHECK(stack.produce({"resume", "default"}).exit.code == 0);
  CHECK(stack.produce({"wait", held}).out == "1\n");
  CHECK(queue(stack, "default")["paused"] == false);
  const Finished again = stack.produce({"resume", "defualt"});
  CHECK(again.exit.code == 0);
  CHECK(again.out == "queue defualt was not paused\n");
}

TEST_CASE("drain waits until a consumer has finished and is gone") {
  Stack stack(with(2));
  const Finished drained = stack.produce({"drain", "consumer-0"});
  INFO(drained.err);
  CHECK(drained.exit.code == 0);
  CHECK(stack.consumer(0).wait_exit().code == 0);
  const Json left = Json::parse(stack.produce({"consumers", "--output", "json"}).out);
  REQUIRE(left.size() == 1);
  CHECK(left[0]["name"] == "consumer-1");

  const Finished unknown = stack.produce({"drain", "nobody"});
  CHECK(unknown.exit.code == 1);
  CHECK(unknown.err.find("no consumer has the name or instance nobody") != std::string::npos);

  const std::string running = submitted(stack, {"sleep", "60000"});
  REQUIRE(eventually([&] { return status(stack, running)["state"] == "running"; }));
  const Finished late = stack.produce({"drain", "consumer-1", "--timeout", "200ms"});
  CHECK(late.exit.code == 1);
  CHECK(late.err.find("it continues to drain") != std::string::npos);
}
