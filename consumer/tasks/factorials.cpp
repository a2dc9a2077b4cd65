#include "consumer/tasks/builtin_tasks.h"

#include <boost/multiprecision/cpp_int.hpp>

#include <chrono>
#include <stdexcept>

namespace zebu::consumer {
namespace {

using boost::multiprecision::cpp_int;

constexpr unsigned kCount = 2000;

// Each factorial from scratch, on purpose: the work is the point, not the fastest way to the last one.
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
      if (factorial(k) == 0)
        throw std::logic_error("a factorial is 0");  // uses the result, so that the compiler cannot drop it
    }
    return std::chrono::duration<double>(Clock::now() - start).count();
  });
}

}  // namespace zebu::consumer
