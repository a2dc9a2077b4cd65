#pragma once

#include "http/cancellation.h"
#include "http/request.h"
#include "zebu/awaitable.h"

namespace zebu::webfront {

// Ends a handler's wait for the broker when its request is cancelled: with `closed` when the client has hung up, with
// `timed_out` when the server ends, since its waits end now. A handler makes one at its beginning; a request has one at
// a time.
class RequestInterrupt : public Interrupt {
 public:
  explicit RequestInterrupt(const http::Request& request) : cancellation_(*request.cancellation) {
    cancellation_.listen([this](http::Ending why) {
      if (why == http::Ending::hung_up) {
        raise({ErrorCode::closed, "the client hung up", {}});
      } else {
        raise({ErrorCode::timed_out, "the front end is stopping", {}});
      }
    });
  }
  ~RequestInterrupt() { cancellation_.listen({}); }
  RequestInterrupt(const RequestInterrupt&) = delete;
  RequestInterrupt& operator=(const RequestInterrupt&) = delete;

  [[nodiscard]] bool is_stopping() const { return cancellation_.raised() == http::Ending::stopping; }

 private:
  http::Cancellation& cancellation_;
};

}  // namespace zebu::webfront
