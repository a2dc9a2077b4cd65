#include "zebu/registry.h"

#include "consumer/slots/run_task.h"
#include "tests/support/catch.h"

#include <atomic>
#include <functional>
#include <stdexcept>

namespace {

using zebu::Context;
using zebu::ErrorKind;
using zebu::JobState;
using zebu::Outcome;
using zebu::Registry;

Outcome run(const Registry& registry, const std::string& task, const std::string& args, Context::Parts parts) {
  const zebu::Task* found = registry.find(task);
  REQUIRE(found != nullptr);
  parts.id.attempt = 3;
  parts.task = found->name;
  parts.queue = "default";
  Context context(std::move(parts));
  return zebu::consumer::run_task(*found, context, args);
}
Outcome run(const Registry& registry, const std::string& task, const std::string& args, std::stop_token stop = {}) {
  Context::Parts parts;
  parts.stop = std::move(stop);
  return run(registry, task, args, std::move(parts));
}

// The text of BadArguments.
std::string refusal(const Registry& registry, const std::string& task, const std::string& args) {
  const Outcome outcome = run(registry, task, args);
  CHECK(outcome.state == JobState::failed);
  CHECK(outcome.error.type == "zebu::BadArguments");
  CHECK(outcome.error.kind == ErrorKind::permanent);
  return outcome.error.message;
}

template <class T>
T result(const Outcome& outcome) {
  INFO(outcome.error.message);
  REQUIRE(outcome.state == JobState::succeeded);
  const auto value = zebu::unpack_value<T>(outcome.result);
  REQUIRE(value);
  return *value;
}

struct Oops : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace

TEST_CASE("a task's arguments and its result are converted by their types") {
  Registry registry;
  registry.add("join", [](const std::vector<std::string>& words, std::string_view by, bool twice) {
    std::string all;
    for (const auto& word : words) all += word + std::string(by);
    return twice ? all + all : all;
  });
  registry.add("half", [](double x) { return x / 2; });
  CHECK(result<std::string>(run(registry, "join", zebu::pack_args(std::vector<std::string>{"a", "b"}, "-", true))) ==
        "a-b-a-b-");
  CHECK(result<double>(run(registry, "half", zebu::pack_args(3))) == 1.5);
}

TEST_CASE("a task that returns nothing has nil as its result") {
  Registry registry;
  registry.add("nothing", [] {});
  CHECK(run(registry, "nothing", zebu::pack_args()).result == "\xc0");
}

TEST_CASE("a raw value is handed through byte by byte") {
  Registry registry;
  registry.add("echo", [](zebu::RawValue value) { return value; });
  const std::string value = zebu::pack_value(std::map<std::string, std::vector<int>>{{"a", {1, -2}}});
  CHECK(run(registry, "echo", "\x91" + value).result == value);
}

TEST_CASE("arguments of the wrong type are refused with the expected and the actual type") {
  Registry registry;
  registry.add("f", [](std::uint8_t, const std::string&) {});
  registry.add("fib", [](zebu::Bounded<0, 93> n) { return n.value; });
  registry.add("list", [](const std::vector<double>&) {});
  CHECK(refusal(registry, "f", zebu::pack_args("x", "y")) ==
        "argument 1 of f: expected an integer from 0 to 255, got a string");
  CHECK(refusal(registry, "f", zebu::pack_args(256, "y")) ==
        "argument 1 of f: expected an integer from 0 to 255, got 256");
  CHECK(refusal(registry, "f", zebu::pack_args(1, 2.5)) ==
        "argument 2 of f: expected a string, got a floating-point number");
  CHECK(refusal(registry, "fib", zebu::pack_args(94)) == "argument 1 of fib: expected an integer from 0 to 93, got 94");
  CHECK(refusal(registry, "fib", zebu::pack_args(-1)) == "argument 1 of fib: expected an integer from 0 to 93, got -1");
  CHECK(refusal(registry, "list", zebu::pack_args(true)) ==
        "argument 1 of list: expected a list, each element a number, got true");
}

TEST_CASE("a wrong number of arguments is refused with the right one") {
  Registry registry;
  registry.add("one", [](int) {});
  registry.add("some", [](int, std::optional<int>, std::optional<std::string>) {});
  CHECK(refusal(registry, "one", zebu::pack_args()) == "one takes 1 argument, got 0");
  CHECK(refusal(registry, "some", zebu::pack_args(1, 2, "x", 4)) == "some takes 1 to 3 arguments, got 4");
}

TEST_CASE("optional arguments at the end may be left out or be nil") {
  Registry registry;
  registry.add("plus", [](int a, std::optional<int> b) { return a + b.value_or(10); });
  CHECK(result<int>(run(registry, "plus", zebu::pack_args(1))) == 11);
  CHECK(result<int>(run(registry, "plus", zebu::pack_args(1, msgpack::type::nil_t()))) == 11);
  CHECK(result<int>(run(registry, "plus", zebu::pack_args(1, 2))) == 3);
}

TEST_CASE("arguments that are no msgpack array are refused") {
  Registry registry;
  registry.add("f", [](int) {});
  const std::string wanted = "the arguments of f are not one msgpack array";
  for (const std::string& bytes : {std::string(), std::string("\xc1"), zebu::pack_value(1), std::string("\x92\x01"),
                                   std::string("\x91\x01\x01"), std::string(10'000, '\x91')}) {
    CHECK(refusal(registry, "f", bytes) == wanted);
  }
}

TEST_CASE("an exception of a task fails its job with type and text") {
  Registry registry;
  registry.add("oops", [] { throw Oops("dear me"); });
  registry.add("own", [] { throw zebu::TaskFailure("scan.Infected", "3 files"); });
  registry.add("int", [] { throw 3; });
  const Outcome oops = run(registry, "oops", zebu::pack_args());
  CHECK(oops.state == JobState::failed);
  CHECK(oops.error.type == "(anonymous namespace)::Oops");
  CHECK(oops.error.message == "dear me");
  const Outcome own = run(registry, "own", zebu::pack_args());
  CHECK(own.error.type == "scan.Infected");
  CHECK(own.error.message == "3 files");
  CHECK(run(registry, "int", zebu::pack_args()).error.type == "int");
}

TEST_CASE("a nested exception is the cause of the error, and so on, at most eight deep") {
  Registry registry;
  registry.add("nested", [] {
    try {
      throw Oops("inner");
    } catch (...) {
      std::throw_with_nested(std::logic_error("outer"));
    }
  });
  const auto error = run(registry, "nested", zebu::pack_args()).error;
  CHECK(error.message == "outer");
  CHECK(error.type == "std::logic_error");
  REQUIRE(error.cause() != nullptr);
  CHECK(error.cause()->type == "(anonymous namespace)::Oops");
  CHECK(error.cause()->message == "inner");
  CHECK(error.cause()->cause() == nullptr);

  const std::function<void(int)> nest = [&](int depth) {
    if (depth == 0) throw zebu::TaskFailure("net.Down", "the cable");
    try {
      nest(depth - 1);
    } catch (...) {
      std::throw_with_nested(Oops(std::to_string(depth)));
    }
  };
  registry.add("deep", [&](int depth) { nest(depth); });
  const auto causes = [&](int depth) {
    std::vector<std::string> list;
    const Outcome outcome = run(registry, "deep", zebu::pack_args(depth));
    for (const zebu::TaskError* e = outcome.error.cause(); e != nullptr; e = e->cause())
      list.push_back(e->type + " " + e->message);
    return list;
  };
  CHECK(causes(2).size() == 2);
  CHECK(causes(1) == std::vector<std::string>{"net.Down the cable"});
  CHECK(causes(20).size() == zebu::kMaxCauses);
}

TEST_CASE("a task that throws Retry asks to be tried again after a time") {
  Registry registry;
  registry.add("later", [] { throw zebu::Retry(std::chrono::seconds(30), "the mirror is busy"); });
  registry.add("bare", [] { throw zebu::Retry(std::chrono::seconds(-1)); });
  const auto error = run(registry, "later", zebu::pack_args()).error;
  CHECK(error.type == "zebu::Retry");
  CHECK(error.message == "the mirror is busy");
  CHECK(error.kind == ErrorKind::failure);
  CHECK(error.retry_after() == std::chrono::seconds(30));
  CHECK(run(registry, "bare", zebu::pack_args()).error.retry_after() == std::chrono::seconds(0));
}

TEST_CASE("keyword arguments fill the parameters of their names") {
  Registry registry;
  registry.add("thumbnail", [](std::string path, zebu::Keyword<"size", std::uint32_t> size, std::optional<int> quality,
                               zebu::Keyword<"mode", std::optional<std::string>> mode) {
    return path + " " + std::to_string(size.value) + " " + std::to_string(quality.value_or(0)) + " " +
           mode.value.value_or("none");
  });
  registry.add("any", [](zebu::Keywords keywords) {
    std::string text;
    for (const std::string_view name : keywords.names()) text += std::string(name) + ",";
    return text + (keywords.has("n") ? std::to_string(keywords.get<int>("n")) : "");
  });
  registry.add("plain", [](int) {});
  const auto with = [&](const std::string& task, const std::string& args, const std::string& kwargs) {
    Context::Parts parts;
    parts.kwargs = kwargs;
    return run(registry, task, args, std::move(parts));
  };
  const auto refused = [&](const std::string& task, const std::string& args, const std::string& kwargs) {
    const Outcome outcome = with(task, args, kwargs);
    CHECK(outcome.error.type == "zebu::BadArguments");
    CHECK(outcome.error.kind == ErrorKind::permanent);
    return outcome.error.message;
  };
  using zebu::kw;
  const std::string path = zebu::pack_args("a.png");
  const auto size = zebu::pack_kwargs(kw("size", 64));
  CHECK(result<std::string>(with("thumbnail", path, size)) == "a.png 64 0 none");
  CHECK(result<std::string>(with("thumbnail", zebu::pack_args("a.png", 80),
                                 zebu::pack_kwargs(kw("size", 64), kw("mode", "crop")))) == "a.png 64 80 crop");
  CHECK(refused("thumbnail", path, "") == "thumbnail needs the keyword 'size'");
  CHECK(refused("thumbnail", path, zebu::pack_kwargs(kw("size", "big"))) ==
        "keyword 'size' of thumbnail: expected an integer from 0 to 4294967295, got a string");
  CHECK(refused("thumbnail", path, zebu::pack_kwargs(kw("size", 64), kw("color", 1))) ==
        "thumbnail takes the keywords size, mode, got 'color'");
  CHECK(refused("plain", zebu::pack_args(1), size) == "plain takes no keyword arguments, got 'size'");
  CHECK(refused("thumbnail", path, "\x01") == "the keyword arguments of thumbnail are not one map");
  CHECK(refused("thumbnail", path, "\x81\x01\x02") == "a keyword of thumbnail must be a string, got 1");
  CHECK(refused("thumbnail", path, "\x82\xa1n\x01\xa1n\x02") == "keyword 'n' of thumbnail is given twice");
  CHECK(result<std::string>(with("any", zebu::pack_args(), zebu::pack_kwargs(kw("n", 5), kw("a", 1)))) == "a,n,5");
  CHECK(result<std::string>(with("any", zebu::pack_args(), "")).empty());
  CHECK(refused("any", zebu::pack_args(), zebu::pack_kwargs(kw("n", "x"))).starts_with("keyword 'n' of any: expected"));
  // Whatever the order in which they were given, equal calls have equal bytes.
  CHECK(zebu::pack_kwargs(kw("b", 1), kw("a", 2)) == zebu::pack_kwargs(kw("a", 2), kw("b", 1)));
  CHECK(zebu::pack_positional("a.png", kw("size", 64), 80) == zebu::pack_args("a.png", 80));
  CHECK(zebu::pack_kwargs("a.png").empty());
}

TEST_CASE("a task knows how often its job failed, crashed and was lost, and how many failures are allowed") {
  Registry registry;
  registry.add("tries", [](Context& context) {
    return std::vector<std::uint32_t>{context.failures(), context.crashes(), context.losses(), context.retries()};
  });
  Context::Parts parts;
  parts.failures = 1;
  parts.crashes = 2;
  parts.losses = 3;
  parts.retries = 4;
  CHECK(result<std::vector<std::uint32_t>>(run(registry, "tries", zebu::pack_args(), parts)) ==
        std::vector<std::uint32_t>{1, 2, 3, 4});
}

TEST_CASE("a task that takes a context knows its job and sees that it is cancelled") {
  Registry registry;
  registry.add("who", [](Context& context, int) {
    return std::string(context.task()) + " " + std::string(context.queue()) + " " + std::to_string(context.attempt());
  });
  registry.add("stop", [](Context& context) { context.throw_if_cancelled(); });
  registry.add("blind", [] { throw zebu::Cancelled(); });
  CHECK(result<std::string>(run(registry, "who", zebu::pack_args(1))) == "who default 3");
  CHECK(registry.find("who")->sees_cancel);
  CHECK_FALSE(registry.find("blind")->sees_cancel);

  std::stop_source source;
  CHECK(run(registry, "stop", zebu::pack_args(), source.get_token()).state == JobState::succeeded);
  source.request_stop();
  CHECK(run(registry, "stop", zebu::pack_args(), source.get_token()).state == JobState::cancelled);
  CHECK(run(registry, "blind", zebu::pack_args()).state == JobState::failed);
}

TEST_CASE("a failure is retried unless it was thrown as permanent") {
  Registry registry;
  registry.add("luck", [] { throw zebu::TaskFailure("scan.Timeout", "no answer"); });
  registry.add("final", [] { throw zebu::PermanentFailure("scan.Infected", "3 files"); });
  registry.add("oops", [] { throw Oops("dear me"); });
  CHECK(run(registry, "luck", zebu::pack_args()).error.kind == ErrorKind::failure);
  CHECK(run(registry, "oops", zebu::pack_args()).error.kind == ErrorKind::failure);
  const Outcome ended = run(registry, "final", zebu::pack_args());
  CHECK(ended.error.kind == ErrorKind::permanent);
  CHECK(ended.error.type == "scan.Infected");
  CHECK(ended.error.message == "3 files");
  CHECK(zebu::consumer::unknown_task("x").error.kind == ErrorKind::permanent);
}

TEST_CASE("an exception after the soft limit counts as the limit's, unless it is a TaskFailure") {
  Registry registry;
  registry.add("stop", [](Context& context) { context.throw_if_cancelled(); });
  registry.add("abort", [](Context&) { throw Oops("aborted"); });
  registry.add("own", [](Context&) { throw zebu::PermanentFailure("scan.Infected", "3 files"); });
  registry.add("result", [](Context& context) { return context.soft_limit_reached(); });
  std::stop_source source;
  source.request_stop();
  std::atomic<zebu::StopReason> reason = zebu::StopReason::soft_limit;
  Context::Parts parts;
  parts.stop = source.get_token();
  parts.stop_reason = &reason;
  parts.soft_limit = std::chrono::milliseconds(1500);

  const Outcome stopped = run(registry, "stop", zebu::pack_args(), parts);
  CHECK(stopped.state == JobState::failed);
  CHECK(stopped.error.type == "zebu::SoftLimit");
  CHECK(stopped.error.message == "the job ran longer than its soft limit of 1.5 s");
  CHECK(stopped.error.kind == ErrorKind::failure);
  const Outcome aborted = run(registry, "abort", zebu::pack_args(), parts);
  CHECK(aborted.error.type == "zebu::SoftLimit");
  REQUIRE(aborted.error.cause() != nullptr);
  CHECK(aborted.error.cause()->type == "(anonymous namespace)::Oops");
  CHECK(aborted.error.cause()->message == "aborted");
  CHECK(run(registry, "own", zebu::pack_args(), parts).error.type == "scan.Infected");
  CHECK(result<bool>(run(registry, "result", zebu::pack_args(), parts)));

  reason = zebu::StopReason::cancelled;
  CHECK(run(registry, "stop", zebu::pack_args(), parts).state == JobState::cancelled);
  CHECK(run(registry, "abort", zebu::pack_args(), parts).error.type == "(anonymous namespace)::Oops");
  CHECK_FALSE(result<bool>(run(registry, "result", zebu::pack_args(), parts)));
}

TEST_CASE("a context has the job's headers and the first of its limits") {
  const std::vector<zebu::Header> headers = {{"tenant", "ox"}, {"traceparent", "00-1-2-03"}};
  Context::Parts parts;
  CHECK_FALSE(Context(parts).deadline());
  CHECK(Context(parts).headers().empty());
  parts.started = zebu::TimePoint(std::chrono::seconds(100));
  parts.hard_limit = std::chrono::seconds(8);
  CHECK(Context(parts).deadline() == zebu::TimePoint(std::chrono::seconds(108)));
  parts.soft_limit = std::chrono::seconds(5);
  parts.headers = &headers;
  const Context context(parts);
  CHECK(context.deadline() == zebu::TimePoint(std::chrono::seconds(105)));
  CHECK(context.header("tenant") == "ox");
  CHECK_FALSE(context.header("Tenant"));
}

TEST_CASE("a task's progress is passed on, within limits") {
  std::vector<zebu::Progress> told;
  const std::function<void(const zebu::Progress&)> tell = [&](const zebu::Progress& p) { told.push_back(p); };
  Context::Parts parts;
  parts.on_progress = &tell;
  const Context context(parts);
  context.progress(0.5, "half");
  context.progress(7);
  context.print("a line\n");
  context.print(std::string(zebu::kMaxOutput + 1, 'x'));
  REQUIRE(told.size() == 4);
  CHECK(told[0] == zebu::Progress{0.5, "half", ""});
  CHECK(told[1] == zebu::Progress{1.0, "", ""});
  CHECK(told[2] == zebu::Progress{std::nullopt, "", "a line\n"});
  CHECK(told[3].output.size() == zebu::kMaxOutput);
  Context(Context::Parts{}).print("nobody listens");
}

TEST_CASE("a registry refuses invalid names and names that it has") {
  Registry registry;
  registry.add("f", [] {});
  CHECK_THROWS_AS(registry.add("f", [] {}), std::invalid_argument);
  CHECK_THROWS_AS(registry.add("", [] {}), std::invalid_argument);
  CHECK_THROWS_AS(registry.add("a b", [] {}), std::invalid_argument);
  CHECK(registry.names() == std::vector<std::string_view>{"f"});
  CHECK(registry.find("g") == nullptr);
}

TEST_CASE("the hooks of a registry run in the order in which they were added, those of an added registry as well") {
  std::string order;
  Registry first;
  Registry second;
  CHECK_FALSE(first.has_hooks());
  second.on_start([&] { order += "b"; }).on_start([&] { order += "c"; });
  first.on_start([&] { order += "a"; }).add_all(second);
  CHECK(first.has_hooks());
  CHECK(order.empty());
  first.start();
  CHECK(order == "abc");
  CHECK_THROWS_AS(first.on_start({}), std::invalid_argument);
}

TEST_CASE("a hook that throws keeps those behind it from running") {
  bool has_run = false;
  Registry registry;
  registry.on_start([] { throw std::runtime_error("no model"); }).on_start([&] { has_run = true; });
  CHECK_THROWS_AS(registry.start(), std::runtime_error);
  CHECK_FALSE(has_run);
}
