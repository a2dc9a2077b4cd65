#include "tests/support/catch.h"
#include "webfront/request_interrupt.h"

using namespace zebu;
using webfront::RequestInterrupt;

namespace {

struct InterruptFixture {
  http::Cancellation cancellation{};
  http::Request request{};

  InterruptFixture() { request.cancellation = &cancellation; }
};

}  // namespace

TEST_CASE_METHOD(InterruptFixture, "a cancelled request interrupts its wait for the broker, with the reason") {
  RequestInterrupt interrupt(request);
  CHECK_FALSE(interrupt.raised());
  cancellation.raise(http::Ending::hung_up);
  REQUIRE(interrupt.raised());
  CHECK(interrupt.raised()->code == ErrorCode::closed);
  CHECK(interrupt.raised()->message == "the client hung up");
}

TEST_CASE_METHOD(InterruptFixture, "a request that was cancelled before does not wait at all") {
  cancellation.raise(http::Ending::hung_up);
  const RequestInterrupt interrupt(request);
  CHECK(interrupt.raised());
}

TEST_CASE_METHOD(InterruptFixture, "the wait of a request is over when the server stops") {
  const RequestInterrupt interrupt(request);
  CHECK_FALSE(interrupt.is_stopping());
  cancellation.raise(http::Ending::stopping);
  CHECK(interrupt.is_stopping());
  CHECK(interrupt.raised()->code == ErrorCode::timed_out);
}

TEST_CASE_METHOD(InterruptFixture, "a request may be cancelled after its wait") {
  { const RequestInterrupt over(request); }
  cancellation.raise(http::Ending::hung_up);
  CHECK(cancellation.raised());
}
