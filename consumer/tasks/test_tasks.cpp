#include "builtin_tasks.h"

#include <csignal>
#include <memory>
#include <stdexcept>

namespace zebu::consumer {
namespace {

constexpr std::size_t kMiB = 1U << 20;
constexpr std::size_t kPage = 4096;

[[noreturn]] void hang() {
  for (;;) asm volatile("");  // a loop that the compiler may not drop
}

void crash() {
  std::signal(SIGSEGV, SIG_DFL);
  std::raise(SIGSEGV);
}

void hog(std::size_t mib) {
  const auto memory = std::make_unique_for_overwrite<volatile char[]>(mib * kMiB);
  for (std::size_t i = 0; i < mib * kMiB; i += kPage) memory[i] = 1;
}

}  // namespace

void add_test_tasks(Registry& registry) {
  registry.add("fail", [](const std::string& message) { throw std::runtime_error(message); });
  registry.add("crash", [] { crash(); });
  registry.add("hang", [] { hang(); });
  registry.add("hog", [](Bounded<1, 1 << 20> mib) {
    hog(static_cast<std::size_t>(mib.value));
    return mib.value;
  });
}

}  // namespace zebu::consumer
