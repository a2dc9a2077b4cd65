#include "consumer/tasks/builtin_tasks.h"

#include <csignal>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace zebu::consumer {
namespace {

constexpr std::size_t kMiB = 1U << 20;
constexpr std::size_t kPage = 4096;

[[noreturn]] void hang() {
  for (;;) asm volatile("");  // a loop that the compiler may not drop
}

// Has a token and ignores it.
void be_deaf(Context& context, std::chrono::milliseconds time) {
  context.progress(0, "deaf");
  const TimePoint end = Clock::now() + time;
  while (Clock::now() < end) asm volatile("");
}

void crash() {
  std::signal(SIGSEGV, SIG_DFL);
  std::raise(SIGSEGV);
}

struct About {
  std::string job;
  std::uint32_t attempt = 0;
  std::string queue;
  std::map<std::string, std::string> headers;
  std::optional<std::int64_t> left_ms;  // until the deadline
  std::int64_t process = ::getpid();
  std::uint32_t failures = 0;
  std::uint32_t crashes = 0;
  std::uint32_t losses = 0;
  std::uint32_t retries = 0;
  MSGPACK_DEFINE_MAP(job, attempt, queue, headers, left_ms, process, failures, crashes, losses, retries)
};

About about(const Context& context) {
  About about;
  about.job = context.job().to_string();
  about.attempt = context.attempt();
  about.queue = context.queue();
  about.failures = context.failures();
  about.crashes = context.crashes();
  about.losses = context.losses();
  about.retries = context.retries();
  about.headers.insert(context.headers().begin(), context.headers().end());
  if (const auto deadline = context.deadline()) {
    about.left_ms = std::chrono::duration_cast<std::chrono::milliseconds>(*deadline - Clock::now()).count();
  }
  return about;
}

void hog(std::size_t mib) {
  const auto memory = std::make_unique_for_overwrite<volatile char[]>(mib * kMiB);
  for (std::size_t i = 0; i < mib * kMiB; i += kPage) memory[i] = 1;
}

// Prints so many KiB in lines of 64 bytes.
std::uint32_t shout(Context& context, std::uint32_t kib) {
  const std::string line = std::string(63, '!') + '\n';
  for (std::uint32_t i = 0; i < 16 * kib; ++i) std::fputs(line.c_str(), stderr);
  return context.attempt();
}

void fail_nested(int depth) {
  if (depth == 0) throw TaskFailure("net.Down", "the cable");
  try {
    fail_nested(depth - 1);
  } catch (...) {
    std::throw_with_nested(std::runtime_error("level " + std::to_string(depth)));
  }
}

}  // namespace

void add_test_tasks(Registry& registry) {
  registry.add("about", [](Context& context) { return about(context); });
  registry.add("fail", [](const std::string& message, std::optional<bool> is_permanent) {
    if (is_permanent.value_or(false)) throw PermanentFailure("test.Permanent", message);
    throw std::runtime_error(message);
  });
  registry.add("flaky", [](Context& context, std::uint32_t times) {
    if (context.attempt() <= times) throw std::runtime_error("attempt " + std::to_string(context.attempt()));
    return context.attempt();
  });
  registry.add("crash", [] { crash(); });
  registry.add("deaf", [](Context& context, std::uint32_t ms) { be_deaf(context, std::chrono::milliseconds(ms)); });
  registry.add("hang", [] { hang(); });
  registry.add("keywords", [](std::optional<std::int64_t> first, Keyword<"n", std::int64_t> n,
                              Keyword<"text", std::optional<std::string>> text) {
    return std::to_string(first.value_or(0)) + " " + std::to_string(n.value) + " " + text.value.value_or("none");
  });
  registry.add("later", [](Context& context, std::uint32_t ms) {
    if (context.attempt() == 1) throw Retry(std::chrono::milliseconds(ms), "not now");
    return about(context);
  });
  registry.add("nested", [](int depth) { fail_nested(depth); });
  registry.add("shout", shout);
  registry.add("hog", [](Bounded<1, 1 << 20> mib) {
    hog(static_cast<std::size_t>(mib.value));
    return mib.value;
  });
}

}  // namespace zebu::consumer
