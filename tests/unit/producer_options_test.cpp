#include "producer/options/producer_options.h"

#include "tests/support/catch.h"

#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace zebu::producer {

using namespace std::chrono_literals;

namespace {

std::variant<Options, int> read(std::vector<const char*> words) {
  words.insert(words.begin(), "zebu-producer");
  words.push_back(nullptr);
  return read_options(static_cast<int>(words.size()) - 1, words.data());
}

template <class C>
C command(const std::vector<const char*>& words) {
  const auto options = read(words);
  REQUIRE(std::holds_alternative<Options>(options));
  const Command& given = std::get<Options>(options).command;
  REQUIRE(std::holds_alternative<C>(given));
  return std::get<C>(given);
}

// What is said of wrong usage, without the program's name and the line that names --help.
std::string complaint(const std::vector<const char*>& words) {
  std::ostringstream said;
  std::streambuf* const before = std::cerr.rdbuf(said.rdbuf());
  const auto options = read(words);
  std::cerr.rdbuf(before);
  REQUIRE(std::holds_alternative<int>(options));
  CHECK(std::get<int>(options) == 2);
  const std::string line = said.str().substr(0, said.str().find('\n'));
  REQUIRE(line.starts_with("zebu-producer: "));
  return line.substr(std::string("zebu-producer: ").size());
}

JobOptions job(std::vector<const char*> flags) {
  flags.insert(flags.begin(), {"submit", "task"});
  return command<SubmitOptions>(flags).job.options;
}

}  // namespace

TEST_CASE("a job without flags has the default options") {
  CHECK(job({}) == JobOptions{});
  CHECK(command<producer::MapOptions>({"map", "task"}).job.options == JobOptions{});
}

TEST_CASE("each flag of a job is its option") {
  CHECK(job({"--priority", "9"}).priority == 9);
  CHECK(job({"--delay", "5"}).delay == 5s);
  CHECK(job({"--delay", "200ms"}).delay == 200ms);
  CHECK(job({"--run-at", "2026-01-31T12:00:00Z"}).run_at == WallTime(1'769'860'800'000ms));
  CHECK(job({"--expires-in", "2m"}).expires_in == 120s);
  CHECK(job({"--soft-limit", "1"}).soft_limit == 1s);
  CHECK(job({"--hard-limit", "1.5"}).hard_limit == 1500ms);
  CHECK(job({"--acks", "early"}).acks_early);
  CHECK_FALSE(job({"--acks", "late"}).acks_early);
  CHECK(job({"--result-ttl", "1h"}).result_ttl == 1h);
  CHECK(job({"--transient"}).transient);
  const RetryPolicy retry =
      job({"--retries", "3", "--retry-delay", "2", "--retry-factor", "1.5", "--retry-cap", "1m", "--retry-jitter", "0"})
          .retry;
  CHECK(retry == RetryPolicy{3, 2s, 1.5, 60s, 0});
}

TEST_CASE("unique keys are given, or made from the arguments") {
  const JobOptions keyed = job({"--unique", "k", "--unique-for", "10"});
  CHECK(keyed.unique == "k");
  CHECK(keyed.unique_for == 10s);
  CHECK(keyed.unique_while == UniqueWhile::unfinished);
  CHECK(job({"--unique", "k", "--unique-while", "queued"}).unique_while == UniqueWhile::queued);
  const auto by_args = command<SubmitOptions>({"submit", "task", "--unique-by-args", "--unique-for", "1"});
  CHECK(by_args.job.unique_by_args);
  CHECK(by_args.job.options.unique.empty());
}

TEST_CASE("headers are given one by one, between other words") {
  const auto submit = command<SubmitOptions>(
      {"submit", "--header", "a=b", "task", "1", "--header", "c=d=e", "[2,3]", "--header", "f="});
  CHECK(submit.job.options.headers == std::vector<Header>{{"a", "b"}, {"c", "d=e"}, {"f", ""}});
  CHECK(submit.args == std::vector<std::string>{"1", "[2,3]"});
}

TEST_CASE("list, retry, purge and drain know what they are about") {
  const auto list = command<ListOptions>({"list", "--state", "failed", "--queue", "q", "--task", "t", "--limit", "5"});
  CHECK(list.state == JobState::failed);
  CHECK(list.queue == "q");
  CHECK(list.task == "t");
  CHECK(list.limit == 5);
  CHECK(command<ListOptions>({"list", "--all"}).all);
  const auto retry = command<RetryOptions>({"retry", "0192f3a4-0000-7000-8000-000000000000"});
  CHECK(retry.ids.size() == 1);
  CHECK(command<RetryOptions>({"retry", "--all-failed"}).all_failed);
  CHECK(command<RetryOptions>({"retry", "--queue", "q"}).queue == "q");
  CHECK(command<PurgeOptions>({"purge", "q"}).state == JobState::queued);
  CHECK(command<PurgeOptions>({"purge", "q", "--state", "failed", "--yes"}).state == JobState::failed);
  CHECK(command<PauseOptions>({"pause", "q", "--reason", "the disk is full"}).reason == "the disk is full");
  CHECK(command<DrainOptions>({"drain", "c", "--timeout", "1s"}).timeout == 1s);
  CHECK_FALSE(command<DrainOptions>({"drain", "c"}).timeout);
}

TEST_CASE("an invalid name of a queue or a task is wrong usage") {
  const std::string bad_name =
      " is not a valid name: it must have 1 to 128 bytes of UTF-8 without spaces or control characters";
  CHECK(complaint({"list", "--queue", "a b"}) == "--queue: 'a b'" + bad_name);
  CHECK(complaint({"list", "--task", "a\tb"}) == "--task: 'a\tb'" + bad_name);
  CHECK(complaint({"list", "--queue", ""}) == "--queue: ''" + bad_name);
  CHECK(complaint({"list", "--task", ""}) == "--task: ''" + bad_name);
  CHECK(complaint({"retry", "--queue", ""}) == "--queue: ''" + bad_name);
  CHECK(complaint({"retry", "--task", "\xff"}).ends_with(bad_name));
  for (const char* command : {"purge", "pause", "resume"}) {
    CHECK(complaint({command, "a b"}) == "QUEUE: 'a b'" + bad_name);
    CHECK(complaint({command, ""}) == "QUEUE: ''" + bad_name);
  }
  for (const char* command : {"submit", "map"}) {
    CHECK(complaint({command, "a b"}) == "TASK: 'a b'" + bad_name);
    CHECK(complaint({command, "t", "--queue", "a b"}) == "--queue: 'a b'" + bad_name);
  }
  CHECK(complaint({"list", "--queue", std::string(129, 'q').c_str()}).ends_with(bad_name));
  CHECK(command<ListOptions>({"list", "--queue", std::string(128, 'q').c_str()}).queue == std::string(128, 'q'));
}

TEST_CASE("a name and a reason may begin with a bracket") {
  CHECK(command<ListOptions>({"list", "--queue", "[q]"}).queue == "[q]");
  CHECK(command<PauseOptions>({"pause", "[a,b]", "--reason", "[why]"}).queue == "[a,b]");
  CHECK(command<PauseOptions>({"pause", "[a,b]", "--reason", "[why]"}).reason == "[why]");
  CHECK(job({"--unique", "[k]"}).unique == "[k]");
  CHECK(command<SubmitOptions>({"submit", "task", "--json", "[1,2]"}).json == "[1,2]");
}

TEST_CASE("a reason is as long as the broker takes it") {
  CHECK(complaint({"pause", "q", "--reason", std::string(1025, 'r').c_str()}) ==
        "--reason: it has 1025 bytes, at most 1024 are allowed");
  CHECK(command<PauseOptions>({"pause", "q", "--reason", std::string(1024, 'r').c_str()}).reason.size() == 1024);
}

TEST_CASE("a number or a duration out of range is refused with the range") {
  CHECK(job({"--delay", "2000000000"}).delay == 2'000'000'000s);
  CHECK(job({"--delay", "2147483648"}).delay == kMaxDuration);
  CHECK(complaint({"submit", "t", "--delay", "2147483649"}) ==
        "--delay: '2147483649' is too long: at most 2147483648s (68 years)");
  CHECK(complaint({"submit", "t", "--delay", "soon"}) ==
        "--delay: 'soon' is not a valid duration: use 250ms, 3s, 1h30m, 7d, or a number of seconds");
  CHECK(complaint({"submit", "t", "--expires-in", "0.0001"}) ==
        "the job: the time to expire in must be at least 1 ms, and at most 2147483648 s");
  CHECK(job({"--retries", "4294967295"}).retry.max == 4'294'967'295);
  for (const std::string retries : {"4294967296", "-1", "many", "1.5", ""}) {
    CHECK(complaint({"submit", "t", "--retries", retries.c_str()}) ==
          "--retries: '" + retries + "' is not a whole number from 0 to 4294967295");
  }
}

TEST_CASE("an empty unique key is wrong usage") {
  CHECK(complaint({"submit", "t", "--unique", ""}) ==
        "--unique: a key cannot be empty: leave the option out for no key");
  CHECK(complaint({"map", "t", "--unique", ""}) == "--unique: a key cannot be empty: leave the option out for no key");
}

TEST_CASE("options that make no sense are wrong usage") {
  const std::vector<std::vector<const char*>> wrong = {
      {"submit", "t", "--priority", "10"},
      {"submit", "t", "--priority", "-1"},
      {"submit", "t", "--delay", "soon"},
      {"submit", "t", "--delay", "1", "--run-at", "2026-01-31T12:00:00Z"},
      {"submit", "t", "--run-at", "2026-01-31"},
      {"submit", "t", "--retries", "-1"},
      {"submit", "t", "--retry-factor", "0.5"},
      {"submit", "t", "--retry-jitter", "2"},
      {"submit", "t", "--soft-limit", "0"},
      {"submit", "t", "--soft-limit", "2", "--hard-limit", "1"},
      {"submit", "t", "--acks", "never"},
      {"submit", "t", "--acks", "early", "--retries", "1"},
      {"submit", "t", "--unique", "k", "--unique-by-args"},
      {"submit", "t", "--unique-for", "1"},
      {"submit", "t", "--unique-while", "queued"},
      {"submit", "t", "--timeout", "1s"},
      {"submit", "t", "--header", "novalue"},
      {"submit", "t", "--header", "=v"},
      {"submit", "t", "--header", "k=v", "--header", "k=w"},
      {"map", "t", "--resume"},
      {"map", "t", "--retry-failed", "--output", "f"},
      {"map", "t", "--priority", "10"},
      {"list", "--state", "gone"},
      {"list", "--limit", "0"},
      {"retry"},
      {"retry", "1"},
      {"retry", "--all-failed", "--queue", "q"},
      {"retry", "0192f3a4-0000-7000-8000-000000000000", "--queue", "q"},
      {"retry", "0192f3a4-0000-7000-8000-000000000000", "--all-failed"},
      {"purge"},
      {"purge", "q", "--state", "running"},
      {"pause"},
      {"resume"},
      {"drain"},
  };
  for (const auto& words : wrong) {
    std::string line;
    for (const char* word : words) line += std::string(word) + ' ';
    INFO(line);
    const auto options = read(words);
    REQUIRE(std::holds_alternative<int>(options));
    CHECK(std::get<int>(options) == 2);
  }
}

}  // namespace zebu::producer
