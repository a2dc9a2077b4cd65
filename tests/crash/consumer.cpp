// The consumer of the crash test. Its task writes down that an attempt begins, before all else and without Zebu, and
// that it ends, into the file $ZEBU_CRASH_BEGUN: one file for each process that the test starts.
#include "zebu/consumer.h"

#include "tests/crash/plan.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <unistd.h>

namespace {

using namespace zebu;

std::filesystem::path begun_file() {
  const char* name = std::getenv("ZEBU_CRASH_BEGUN");
  if (name == nullptr) throw std::runtime_error("ZEBU_CRASH_BEGUN does not name the file to write to");
  return name;
}

// failing: so many first attempts fail. line: only makes the lines of a `map` differ.
std::string work(Context& context, std::uint32_t micros, std::uint32_t failing, std::optional<std::uint32_t> /*line*/) {
  static const std::filesystem::path file = begun_file();
  static const crash::LineFile lines(file);
  static std::atomic<std::uint32_t> count = 0;
  const bool is_to_fail = context.attempt() <= failing;
  const std::string mark =
      file.stem().string() + "@" + std::to_string(::getpid()) + "-" + std::to_string(count.fetch_add(1));
  lines.add(crash::Begun{context.job(), context.attempt(), is_to_fail, mark, crash::nanoseconds_now()});
  std::this_thread::sleep_for(std::chrono::microseconds(micros));
  lines.add_end(mark);
  context.throw_if_cancelled();
  if (is_to_fail) throw std::runtime_error(mark);
  return mark;
}

}  // namespace

int main(int argc, char** argv) {
  Registry tasks;
  tasks.add("work", work);
  return run_consumer(argc, argv, tasks);
}
