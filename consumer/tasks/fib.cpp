#include "consumer/tasks/builtin_tasks.h"

namespace zebu::consumer {
namespace {

constexpr int kMax = 93;  // fib(94) does not fit into 64 bits

// noinline: otherwise compilers turn half of the recursion into a loop (see CMakeLists.txt for the other half), and the
// task would measure the compiler. aligned: otherwise its speed depends on where the linker puts it, by up to a tenth.
[[gnu::noinline, gnu::aligned(64)]] std::uint64_t fib(std::int64_t n) {
  return n < 2 ? static_cast<std::uint64_t>(n) : fib(n - 1) + fib(n - 2);
}

}  // namespace

void add_fib(Registry& registry) {
  registry.add("fib", [](Bounded<0, kMax> n) { return fib(n); });
}

}  // namespace zebu::consumer
