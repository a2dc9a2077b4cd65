#include "broker/store/store_thread.h"

#include "broker/store/memory/store.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/store_fixture.h"

#include <poll.h>

namespace zebu::broker {

using namespace zebu::test;

namespace {

bool is_readable(int descriptor, std::chrono::milliseconds wait) {
  pollfd item{descriptor, POLLIN, 0};
  return ::poll(&item, 1, static_cast<int>(wait.count())) == 1;
}

}  // namespace

TEST_CASE("the store thread's result is found by a spinning caller, and announced to a sleeping one") {
  const bool sleeps = GENERATE(false, true);
  for (const int spin : {0, 200}) {
    StoreThread store(std::make_unique<MemoryStore>(), std::chrono::microseconds(spin));
    for (std::uint64_t i = 1; i <= 2000; ++i) {
      store.start({i, {JobAccepted{shared_job(i)}}, {}});
      if (sleeps) {
        if (store.may_sleep()) REQUIRE(is_readable(store.descriptor(), std::chrono::seconds(10)));
        store.woke_up();
      }
      const TimePoint deadline = Clock::now() + std::chrono::seconds(10);
      while (!store.is_done() && Clock::now() < deadline) continue;
      const auto done = store.take();
      REQUIRE(done);
      REQUIRE((*done)->batch == i);
      REQUIRE_FALSE(store.is_busy());
      // What is announced just now is taken with the next look, which every round of the loop has.
      REQUIRE(eventually([&] { return !store.take() && !is_readable(store.descriptor(), {}); }));
    }
  }
}

TEST_CASE("the store's thread ends with work under way, and with what nobody took") {
  StoreThread store(std::make_unique<MemoryStore>(), std::chrono::microseconds(1000));
  store.start({1, {JobAccepted{shared_job(1)}}, {}});
  if (GENERATE(false, true)) CHECK(store.wait());
}

}  // namespace zebu::broker
