#include "tests/support/metrics.h"

#include "tests/support/catch.h"
#include "zebu/metrics/counter.h"
#include "zebu/metrics/family.h"
#include "zebu/metrics/mailbox.h"

namespace zebu::metrics {

using namespace std::chrono_literals;

namespace {

constexpr Row kTimes{"zebu_times_seconds", "histogram", "task", "Times"};
constexpr Row kThings{"zebu_things", "gauge", "name", "Things"};

std::string things(std::string_view name) {
  Text text;
  text.begin(kThings);
  text.add(label("name", name), std::uint64_t{7});
  return text.take();
}

}  // namespace

TEST_CASE("metrics: a text is what Prometheus reads") {
  Text text;
  text.begin(kThings);
  text.add("name=\"a\"", std::uint64_t{18'446'744'073'709'551'615U});
  text.add("name=\"b\"", 0.25);
  text.add({"zebu_one", "counter", "", "One"}, std::uint64_t{1});
  CHECK(text.take() ==
        "# HELP zebu_things Things\n# TYPE zebu_things gauge\n"
        "zebu_things{name=\"a\"} 18446744073709551615\nzebu_things{name=\"b\"} 0.25\n"
        "# HELP zebu_one One\n# TYPE zebu_one counter\nzebu_one 1\n");
}

TEST_CASE("metrics: a label's value may be any text") {
  CHECK(label("queue", "a\"b\\c\nd") == "queue=\"a\\\"b\\\\c\\nd\"");
  CHECK(label("queue", "größe") == "queue=\"größe\"");
  CHECK(label("queue", "\xff\xfe") == "queue=\"?\"");
  CHECK(label("queue", "") == "queue=\"\"");
  for (const std::string hostile :
       {"\"} 1\nzebu_things{name=\"", "}{", "\\", "\\\"", "a\n# TYPE zebu_things counter", ","}) {
    INFO(hostile);
    const test::Metrics read(things(hostile));
    CHECK(read.values().size() == 1);
    CHECK(read.values().begin()->second == 7);
  }
}

TEST_CASE("metrics: a histogram's buckets have what is below them too") {
  Histogram times;
  times.observe(0ms);
  times.observe(1ms);
  times.observe(1001us);
  times.observe(2h);
  times.observe(-5s);
  Text text;
  text.begin(kTimes);
  text.add("task=\"fib\"", times);
  const test::Metrics read(text.take());
  CHECK(read.series_of("zebu_times_seconds") == kHistogramLines);
  CHECK(read["zebu_times_seconds_bucket{task=\"fib\",le=\"0.001\"}"] == 3);
  CHECK(read["zebu_times_seconds_bucket{task=\"fib\",le=\"0.003\"}"] == 4);
  CHECK(read["zebu_times_seconds_bucket{task=\"fib\",le=\"3600\"}"] == 4);
  CHECK(read["zebu_times_seconds_bucket{task=\"fib\",le=\"+Inf\"}"] == 5);
  CHECK(read["zebu_times_seconds_count{task=\"fib\"}"] == 5);
  CHECK(read["zebu_times_seconds_sum{task=\"fib\"}"] == 7200.002001);
}

TEST_CASE("metrics: whatever somebody tells of his times, the sum does not go down") {
  Histogram times;
  double last = 0;
  for (int i = 0; i < 5; ++i) {
    times.observe(std::chrono::microseconds::max());
    CHECK(times.sum_seconds() > last);
    last = times.sum_seconds();
  }
  times.observe(std::chrono::microseconds::min());
  CHECK(times.sum_seconds() == last);
}

TEST_CASE("metrics: each bound of a histogram is in its own bucket, and what Prometheus calls it") {
  std::chrono::microseconds last{0};
  for (std::size_t i = 0; i < Histogram::kBounds.size(); ++i) {
    const auto& [most, seconds] = Histogram::kBounds[i];
    INFO(seconds);
    CHECK(most > last);
    CHECK(std::stod(std::string(seconds)) == std::chrono::duration<double>(most).count());
    Histogram times;
    times.observe(most);
    CHECK(times.counts()[i] == 1);
    last = most;
  }
}

TEST_CASE("metrics: a counter never goes down") {
  Counter jobs;
  jobs.add();
  jobs.add();
  jobs.take_back();
  CHECK(jobs.value() == 2);
  jobs.add();
  CHECK(jobs.value() == 2);
  jobs.add();
  CHECK(jobs.value() == 3);
}

TEST_CASE("metrics: a family has so many members, and counts the others together") {
  Family<std::uint64_t, 1> family({"queue"}, 3);
  for (int i = 0; i < 10'000; ++i) ++family.at({"q" + std::to_string(i)}, {kOther});
  ++family.at({"q1"}, {kOther});
  CHECK(family.size() == 4);
  std::map<std::string, std::uint64_t> counts;
  family.for_each([&](std::string_view labels, std::uint64_t count) { counts[std::string(labels)] = count; });
  CHECK(counts == std::map<std::string, std::uint64_t>{
                      {"queue=\"q0\"", 1}, {"queue=\"q1\"", 2}, {"queue=\"q2\"", 1}, {"queue=\"other\"", 9'997}});
}

TEST_CASE("metrics: a queue that is really called other is counted with the others") {
  Family<std::uint64_t, 2> family({"queue", "task"}, 2);
  ++family.at({"other", "other"}, {kOther, kOther});
  ++family.at({"a", "b"}, {kOther, kOther});
  ++family.at({"c", "d"}, {kOther, kOther});
  CHECK(family.size() == 2);
  CHECK(family.at({"other", "other"}) == 2);
}

TEST_CASE("metrics: values of a family stay where they are") {
  Family<std::uint64_t, 1> family({"queue"}, 1000);
  std::uint64_t& first = family.at({"m"}, {kOther});
  for (int i = 0; i < 1000; ++i) family.at({std::to_string(i)}, {kOther});
  first = 5;
  CHECK(family.at({"m"}, {kOther}) == 5);
}

TEST_CASE("metrics: a limit in series is one in members") {
  CHECK(members_of(2000, 4) == 500);
  CHECK(members_of(2000, kHistogramLines) == 2000 / 17);
  CHECK(members_of(1, kHistogramLines) == 1);
}

TEST_CASE("metrics: the loop leaves texts while somebody asks, and for a while after") {
  Mailbox mailbox;
  const TimePoint now = Clock::now();
  CHECK_FALSE(mailbox.is_wanted(now));
  CHECK(mailbox.ask(now) == nullptr);
  CHECK(mailbox.is_wanted(now));
  mailbox.put("one\n", now + 1s);
  const auto letter = mailbox.ask(now + 2s);
  CHECK(letter->text == "one\n");
  CHECK(letter->made == now + 1s);
  mailbox.put("two\n", now + 3s);
  CHECK(letter->text == "one\n");
  CHECK(mailbox.is_wanted(now + 2s + Mailbox::kLately - 1s));
  CHECK_FALSE(mailbox.is_wanted(now + 2s + Mailbox::kLately));
}

TEST_CASE("metrics: a text that took long is made more rarely, and is fresh for longer") {
  Mailbox mailbox;
  const TimePoint now = Clock::now();
  CHECK(mailbox.ask(now) == nullptr);
  mailbox.put("one\n", now, 50ms);
  CHECK_FALSE(mailbox.is_wanted(now + 4s));
  CHECK(mailbox.is_wanted(now + 5s));
  CHECK(mailbox.ask(now)->fresh_for == Mailbox::kFresh + 5s);
}

TEST_CASE("metrics: a text that nobody wants is not made") {
  Mailbox mailbox;
  int made = 0;
  const auto make = [&] { return std::to_string(++made); };
  mailbox.renew(Clock::now(), make);
  CHECK(made == 0);
  static_cast<void>(mailbox.ask(Clock::now()));
  mailbox.renew(Clock::now(), make);
  CHECK(mailbox.ask(Clock::now())->text == "1");
}

}  // namespace zebu::metrics
