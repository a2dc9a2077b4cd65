#include "consumer/tasks/builtin_tasks.h"

#include <boost/multiprecision/cpp_int.hpp>

#include <chrono>
#include <stdexcept>

namespace zebu::consumer {
namespace {

using boost::multiprecision::cpp_int;

constexpr unsigned kCount = 2000;

// One after the other and each from its start: that is the work, and not how one would compute the last of them.
cpp_int factorial(unsigned k) {
  cpp_int product = 1;
  for (unsigned i = 2; i <= k; ++i) product *= i;
  return product;
}

}  // namespace

void add_factorials(Registry& registry) {
  registry.add("factorials", [](Context& context) {
    const TimePoint start = Clock::now();
    for (unsigned k = 0; k < kCount; ++k) {
      context.throw_if_cancelled();
      if (factorial(k) == 0) throw std::logic_error("a factorial is 0");  // a use, so that none is left out
    }
    return std::chrono::duration<double>(Clock::now() - start).count();
  });
}

}  // namespace zebu::consumer
