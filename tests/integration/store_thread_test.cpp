#include "store_thread.h"

#include "memory_store.h"
#include "support/catch.h"
#include "support/store_fixture.h"

#include <poll.h>

using namespace zebu;
using namespace zebu::broker;
using namespace zebu::test;

namespace {

bool is_readable(int descriptor) {
  pollfd item{descriptor, POLLIN, 0};
  return ::poll(&item, 1, 0) == 1;
}

}  // namespace

TEST_CASE("what the store's thread has done is announced once, however it was noticed") {
  for (const int spin : {0, 200}) {
    StoreThread store(std::make_unique<MemoryStore>(), std::chrono::microseconds(spin));
    for (std::uint64_t i = 1; i <= 2000; ++i) {
      store.start({i, {JobAccepted{shared_job(i)}}, {}});
      const TimePoint deadline = Clock::now() + std::chrono::seconds(10);
      while (!store.is_done() && Clock::now() < deadline) continue;
      const auto done = store.take();
      REQUIRE(done);
      REQUIRE((*done)->batch == i);
      REQUIRE_FALSE(is_readable(store.descriptor()));
      REQUIRE_FALSE(store.is_busy());
      REQUIRE_FALSE(store.take());
    }
  }
}

TEST_CASE("the store's thread ends with work under way, and with what nobody took") {
  StoreThread store(std::make_unique<MemoryStore>(), std::chrono::microseconds(1000));
  store.start({1, {JobAccepted{shared_job(1)}}, {}});
  if (GENERATE(false, true)) CHECK(store.wait());
}
